"""A client of gossip: sends a message to a node, then shows what the node has, whom it knows and how it is.

    python client.py tcp://127.0.0.1:7004 apple
"""
import sys

import msgpack
import zmq

PUBLISH, FETCH, PEERS, STATUS, ERROR = 32, 33, 35, 36, 95


class Client:
    def __init__(self, endpoint, timeout=10_000):
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.set(zmq.LINGER, 0)
        self.socket.set(zmq.RCVTIMEO, timeout)
        self.socket.connect(endpoint)
        self.number = 0

    def send(self, kind, *fields, body=()):
        """Sends a request and does not wait for its reply. The number of the request comes back with it."""
        self.number += 1
        self.socket.send_multipart([b"", msgpack.packb(["GS", 1, kind, self.number, *fields]), *body])
        return self.number

    def receive(self):
        """The next reply, of whichever request: the number of that request, and the fields behind the node's name."""
        empty, header = self.socket.recv_multipart()
        mark, version, kind, number, node, *fields = msgpack.unpackb(header)
        if kind == ERROR:
            raise RuntimeError("{}: {}".format(*fields))
        return number, fields

    def ask(self, kind, *fields, body=()):
        """One request and its reply, while no other request is open."""
        self.send(kind, *fields, body=body)
        return self.receive()[1]

    def publish(self, payload, relays=None):
        """Returns the message's id [origin, incarnation, sequence]. With `relays`, its paths are recorded."""
        self.check_len(payload)
        return self.ask(PUBLISH, relays, body=[payload])[0]

    def publish_all(self, payloads):
        """Each payload becomes a message: all of them or, if one is refused, none. Returns their ids."""
        packed = payloads[0] if len(payloads) == 1 else b"".join(map(msgpack.packb, payloads))
        self.check_len(packed)
        origin, incarnation, first = self.ask(PUBLISH, None, len(payloads), body=[packed])[0]
        return [[origin, incarnation, first + place] for place in range(len(payloads))]

    def check_len(self, body):
        """A node closes the connection at a frame of more than twice its payload limit and 1 MiB: such a one is not sent."""
        if len(body) > 1 << 20 and len(body) > (limit := 2 * self.ask(STATUS)[0]["payload_len_max"] + (1 << 20)):
            remedy = "publish fewer payloads at a time, or start nodes with a larger --payload-max"
            raise ValueError(f"{len(body)} bytes are over the limit of {limit} that the node reads at once: {remedy}")

    def messages(self, status="all"):
        """All messages of the node as (id, payload, paths), read page by page. A path is a list of [node, µs]."""
        found, cursor, through = [], [0, 0], None
        while cursor is not None:
            entries, cursor, through, *_ = self.ask(FETCH, status, cursor, through)
            for position, id, published, received, unread, continued, paths, payload, *_ in entries:
                found[-1][2].extend(paths) if continued else found.append((id, payload, paths))
        return found


if __name__ == "__main__":
    node = Client(sys.argv[1])
    print("sent", node.publish(sys.argv[2].encode(), relays=1))
    for id, payload, paths in node.messages():
        print(id, payload.decode(errors="replace"), [" > ".join(name for name, _ in path) for path in paths])
    for name, endpoint, up, round_trip, *_ in node.ask(PEERS)[0]:
        print("peer", name, endpoint, "up" if up else "down", round_trip, "µs")
    print(node.ask(STATUS)[0])
