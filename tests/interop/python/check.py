"""What a Python client and a Python node can do with nodes that run: `python check.py STORY ENDPOINT ...`.

Written from docs/spec/gossip-bus.md alone. Ends with an AssertionError, and so with exit code 1, on the first surprise.
"""
import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import msgpack
import zmq

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "clients/python"))
from client import Client  # noqa: E402

PUBLISH, FETCH, MARK, PEERS, STATUS, CONNECT, READY, REMOVE, STOP = range(32, 41)
RECEIPT, PAGE, PEER_LIST, STATE, DONE, ERROR = 64, 65, 67, 68, 94, 95
HELLO, MESSAGE, PING, PULL, WELCOME, PONG, REFUSE = 1, 2, 4, 10, 17, 20, 31
DEADLINE = 30


def until(condition, what):
    """Waits for a condition, and gives what it gave."""
    end = time.monotonic() + DEADLINE
    while not (result := condition()):
        assert time.monotonic() < end, f"in {DEADLINE} s not: {what}"
        time.sleep(0.005)
    return result


def pack(*fields):
    return msgpack.packb(["GS", 1, *fields])


def dealer(endpoint, name=None):
    socket = zmq.Context.instance().socket(zmq.DEALER)
    socket.set(zmq.LINGER, 0)
    socket.set(zmq.RCVTIMEO, DEADLINE * 1000)
    if name:
        socket.set(zmq.ROUTING_ID, name.encode())
    socket.connect(endpoint)
    return socket


def call(socket, header, *body):
    socket.send_multipart([b"", header, *body])
    return answer(socket)


def answer(socket):
    empty, header = socket.recv_multipart()
    assert empty == b""
    mark, version, *rest = msgpack.unpackb(header)
    assert (mark, version) == ("GS", 1)
    return rest


def with_bytes(value):
    """The value that a test vector means: {"bin": hex} stands for bytes."""
    if isinstance(value, dict):
        return bytes.fromhex(value["bin"]) if set(value) == {"bin"} else {k: with_bytes(v) for k, v in value.items()}
    return [with_bytes(item) for item in value] if isinstance(value, list) else value


def vectors(name):
    return json.loads((ROOT / "tests/vectors" / name).read_text())


# --- The stories.


def codec():
    """Every vector decodes to its fields, and is what the canonical ones encode to."""
    for vector in vectors("headers.json"):
        header, fields = bytes.fromhex(vector["header"]), with_bytes(vector["fields"])
        assert msgpack.unpackb(header) == fields, vector["name"]
        assert not vector["canonical"] or msgpack.packb(fields) == header, vector["name"]
    for vector in vectors("envelopes.json"):
        parts = [bytes.fromhex(part) for part in vector["parts"]]
        envelope = parts.index(b"") if b"" in parts[:-1] else None
        assert envelope == vector["envelope"], vector["name"]


def commands(*endpoints):
    """Every command, on a ring of five."""
    nodes = [Client(endpoint) for endpoint in endpoints]
    first, second, third, fourth, fifth = nodes
    for node in nodes:
        assert node.ask(READY) == []

    traced = first.publish(b"apple", relays=1)
    assert traced[0] == "1" and traced[2] == 1
    for number, node in enumerate(nodes[1:], 2):
        until(lambda: [len(paths) for _, _, paths in node.messages()] == [2], "two paths")
        [(id, payload, paths)] = node.messages()
        assert (id, payload) == (traced, b"apple")
        for path in paths:
            assert path[0] == ["1", 0] and path[-1][0] == str(number)
            assert all(type(micros) is int for _, micros in path)

    untraced = first.publish(b"\xff\x00pear")
    assert untraced == [*traced[:2], 2]
    until(lambda: (untraced, b"\xff\x00pear", []) in third.messages(), "the untraced message")

    reply = [first.ask(PUBLISH, None, body=[b"x"]), first.ask(PUBLISH, body=[b""])]
    assert [id[2] for id, _ in reply] == [3, 4] and {level for _, level in reply} == {"memory"}
    once = pack(PUBLISH, os.urandom(16), None)
    socket = dealer(endpoints[0])
    assert call(socket, once, b"once") == call(socket, once, b"once"), "a repeated request gets the first receipt"
    until(lambda: len(second.messages()) == 5, "five messages")

    assert [entry[4] for entry in second.ask(FETCH, "unread", [0, 0], None, 2, True)[0]] == [True, True]
    assert len(second.messages("read")) == 2 and len(second.messages("unread")) == 3
    entries, cursor, through = second.ask(FETCH, "all", [0, 0], None, 3)
    assert [entry[0] for entry in entries] == [1, 2, 3] and cursor is not None and through == 5
    entries, cursor, _ = second.ask(FETCH, "all", cursor, through)
    assert [entry[0] for entry in entries] == [4, 5] and cursor is None
    assert second.ask(MARK, 3, 5) == [] and second.messages("unread") == []

    large = [bytes([number]) * 600_000 for number in range(4)]
    for payload in large:
        third.publish(payload)
    until(lambda: len(fourth.messages()) == 9, "large messages over several pages")
    assert Counter(payload for _, payload, _ in fourth.messages())[large[3]] == 1
    assert fourth.ask(FETCH)[1] is not None, "pages end at 1 MiB"

    state = first.ask(STATUS)[0]
    assert (state["node"], state["endpoint"], state["incarnation"]) == ("1", endpoints[0], traced[1])
    assert state["payload_len_max"] == 1 << 20 and state["counters"]["published"] == 5
    assert state["peers"] == first.ask(PEERS)[0] and set(state["peer_counters"]) == {"2", "5"}

    def peers(node):
        return {name: up for name, _, up, *_ in node.ask(PEERS)[0]}

    assert peers(first) == {"2": True, "5": True}
    assert first.ask(CONNECT, [["3", endpoints[2]], [None, endpoints[3]]]) == []
    until(lambda: peers(first) == dict.fromkeys("2345", True), "two more links")
    until(lambda: peers(fourth) == dict.fromkeys("135", True), "the links back")
    assert fifth.ask(REMOVE) == []
    until(lambda: peers(first) == dict.fromkeys("234", True), "node 5 forgotten")
    until(lambda: peers(fourth) == dict.fromkeys("13", True), "node 5 forgotten by its other neighbour")
    assert third.ask(STOP) == []


def sockets(endpoint, *others):
    """Each kind of socket that the specification allows."""
    for options in {}, {zmq.REQ_CORRELATE: 1}, {zmq.REQ_CORRELATE: 1, zmq.REQ_RELAXED: 1}:
        socket = zmq.Context.instance().socket(zmq.REQ)
        for option, value in options.items():
            socket.set(option, value)
        socket.set(zmq.RCVTIMEO, DEADLINE * 1000)
        socket.connect(endpoint)
        for number in range(3):
            socket.send_multipart([pack(PUBLISH, number), b"by REQ"])
            mark, version, kind, request, *_ = msgpack.unpackb(socket.recv())
            assert (mark, version, kind, request) == ("GS", 1, RECEIPT, number), options
        socket.close(0)
    assert call(dealer(endpoint), pack(PEERS, None))[:2] == [PEER_LIST, None]
    for number in 0, 1, 2**64 - 1, b"12345678", bytes(32):
        assert call(dealer(endpoint), pack(STATUS, number))[:2] == [STATE, number]
    # Frames that more routers put before, and fields of the future.
    socket = dealer(endpoint)
    socket.send_multipart([b"a", b"b", b"", pack(READY, 7, "new", {"field": 1})])
    assert socket.recv_multipart()[:3] == [b"a", b"b", b""]


def pipeline(*endpoints):
    """10,000 messages sent before the first receipt is read; each node has each of them once."""
    count, nodes = 10_000, [Client(endpoint, timeout=DEADLINE * 1000) for endpoint in endpoints]
    nodes[0].ask(READY)
    sent = {nodes[0].send(PUBLISH, None, body=[b"%d" % number]): b"%d" % number for number in range(count)}
    receipts = [nodes[0].receive() for _ in range(count)]
    assert [number for number, _ in receipts] == list(sent), "receipts come in order"
    expected = {tuple(id): sent[number] for number, (id, _) in receipts}
    assert len(expected) == count
    for node in nodes:
        until(lambda: node.ask(STATUS)[0]["retained_messages"] >= count, "all messages everywhere")
        assert Counter((tuple(id), payload) for id, payload, _ in node.messages()) == Counter(expected.items())


def batch(*endpoints):
    """A thousand messages in one request: each node has each of them once, under ids that count on. Or none of them."""
    nodes = [Client(endpoint, timeout=DEADLINE * 1000) for endpoint in endpoints]
    payloads = [b"%d" % number for number in range(997)] + [b"", bytes(70_000), b"\xff\x00"]
    ids = nodes[0].publish_all(payloads)
    assert [id[2] for id in ids] == list(range(1, 1001))
    assert nodes[0].publish_all([b"alone"]) == [[*ids[0][:2], 1001]]
    try:
        nodes[0].publish_all([bytes(1 << 20)] * 4)
        raise AssertionError("the node does not read as much")
    except ValueError as error:
        assert str(error).startswith("4194324 bytes are over the limit of 3145728 that the node reads"), error
    socket = dealer(endpoints[0])
    for count, body, code in [
        (2, msgpack.packb(b"one"), "malformed"),
        (2, msgpack.packb(b"one") + msgpack.packb("two"), "malformed"),
        (3, msgpack.packb(b"") * 2 + b"x", "malformed"),
        (2, msgpack.packb(b"one") + msgpack.packb(bytes((1 << 20) + 1)), "too_large"),
        (0, b"", "bad_request"),
        (65_537, msgpack.packb(b"") * 65_537, "bad_request"),
    ]:
        assert call(socket, pack(PUBLISH, 7, None, count), body)[3] == code, (count, code)
    kind, _, _, code, _ = call(socket, pack(PUBLISH, 8, 1, 2), msgpack.packb(b"") * 2)
    assert (kind, code) == (ERROR, "bad_request"), "only one message is traced at a time"
    once = pack(PUBLISH, os.urandom(16), None, 2)
    receipts = [call(socket, once, msgpack.packb(b"once") * 2) for _ in range(2)]
    assert receipts[0] == receipts[1] and receipts[0][3:] == [[*ids[0][:2], 1002], "memory", 2], receipts
    most = call(socket, pack(PUBLISH, 9, None, 65_536), msgpack.packb(b"") * 65_536)
    assert most[3:] == [[*ids[0][:2], 1004], "memory", 65_536], most
    expected = Counter([*((tuple(id), payload) for id, payload in zip(ids, payloads)), ((*ids[0][:2], 1001), b"alone")])
    for node in nodes:
        until(lambda: node.ask(STATUS)[0]["counters"].get("delivered") == 1003 + 65_536, "all messages everywhere")
        found = Counter((tuple(id), payload) for id, payload, _ in node.messages())
        assert {key: found[key] for key in expected} == expected and set(found.values()) == {1}


def errors(endpoint, *others):
    """What is wrong is answered with its code and its request, and the node goes on."""
    socket = dealer(endpoint)
    for vector in vectors("refused.json"):
        kind, *rest = call(socket, bytes.fromhex(vector["header"]), *map(bytes.fromhex, vector["body"]))
        code = rest[2] if kind == ERROR else rest[0]
        assert kind in (ERROR, REFUSE) and code == vector["code"], (vector["name"], kind, rest)
        if kind == ERROR:
            assert rest[0] == vector["request"], (vector["name"], rest)
    [_, request, node, code, text] = call(socket, pack(PUBLISH, 9), bytes((1 << 20) + 1))
    assert (request, code) == (9, "too_large") and str(1 << 20) in text, text
    assert call(socket, pack(PUBLISH, 10), bytes(1 << 20))[0] == RECEIPT, "the limit itself is allowed"
    socket.send_multipart([pack(STATUS, 11)])
    assert answer(socket)[3] == "envelope", "a DEALER must send the empty frame"
    assert call(socket, pack(STATUS, 12))[:2] == [STATE, 12]
    counters = call(socket, pack(STATUS, 13))[3]["counters"]
    assert sum(counters.values()) > len(vectors("refused.json")), counters


def strangers(endpoint, *others):
    """Who may not join is told why."""
    here = "tcp://127.0.0.1:1"

    def meet(identity, name, network="default", instance="", capabilities=()):
        kind, *fields = call(dealer(endpoint, identity), pack(HELLO, name, here, network, instance, 1, capabilities))
        return fields[0] if kind == REFUSE else kind

    assert meet("s", "s", network="other") == "other_network"
    assert meet("s", "t") == "bad_identity"
    assert meet("1", "1") == "name_taken"
    assert call(dealer(endpoint, "s"), pack(PING, 5))[:2] == [REFUSE, "not_introduced"]
    assert call(dealer(endpoint, "s"), pack(MESSAGE, ["s", 1, 1], 1, 1), b"x")[:2] == [REFUSE, "not_introduced"]
    socket = dealer(endpoint, "s")
    kind, name, where, *_ = call(socket, pack(HELLO, "s", here, "default", "", 1, ["unheard-of"], 0, None, {"new": 1}))
    assert (kind, name, where) == (WELCOME, "1", endpoint)
    assert call(socket, pack(PING, 2**64 - 1)) == [PONG, 2**64 - 1]
    for frame, code in (b"garbage", "malformed"), (pack(0), "unknown_type"), (pack(60, 7), "unknown_type"):
        assert call(socket, frame)[:2] == [REFUSE, code], "to an introduced node, by REFUSE"
    socket.send_multipart([b"", pack(WELCOME, "s", here, "default", "", 1, [])])
    assert call(socket, pack(PING, 6)) == [PONG, 6], "what is out of place is not answered"
    client = Client(endpoint)
    assert client.messages() == []
    assert [peer[:3] for peer in client.ask(PEERS)[0]] == [["s", here, False]]
    there = here + "1"
    assert call(socket, pack(HELLO, "s", there, "default", "", 2))[0] == WELCOME
    assert [peer[:3] for peer in client.ask(PEERS)[0]] == [["s", there, False]], "a node may move"
    counters = client.ask(STATUS)[0]["counters"]
    codes = ["refused_other_network", "refused_bad_identity", "refused_name_taken", "refused_not_introduced"]
    assert [counters[code] for code in codes] == [1, 1, 1, 2], counters


@contextlib.contextmanager
def foreign(left, right, program):
    """A node in another language, linked to two others: clients of these, and a function that gives the next line it prints."""
    near, far = Client(left, timeout=DEADLINE * 1000), Client(right, timeout=DEADLINE * 1000)
    command = [*program, "foreign", "tcp://127.0.0.1:0", left, right]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        printed = queue.Queue()
        threading.Thread(target=lambda: [printed.put(line) for line in process.stdout], daemon=True).start()

        def line():
            return json.loads(printed.get(timeout=DEADLINE))

        try:
            assert line()["node"] == "foreign"
            until(lambda: all(["foreign", True] in [[p[0], p[2]] for p in n.ask(PEERS)[0]] for n in (near, far)), "links")
            yield near, far, line
        finally:
            process.kill()


def member(left, right, *program):
    """A node in another language is the only way between two halves of a network, and then a part of a ring."""
    with foreign(left, right, program) as (near, far, line):
        for text, source, target in ("there", near, far), ("back", far, near):
            for relays in 1, 3, None:
                name = f"{text} {relays}"
                id = source.publish(name.encode(), relays)
                [(_, payload, paths)] = until(lambda: [m for m in target.messages() if m[0] == id], name)
                assert payload == name.encode()
                if relays:
                    assert ["foreign"] == [hop for hop, _ in paths[0][1:-1] if hop == "foreign"], paths
                told = line()
                assert list(map(str, told["id"])) == list(map(str, id)) and told["text"] == name, told
        numbers = [b"%d" % number for number in range(1000)]
        for payload in numbers:
            near.send(PUBLISH, None, body=[payload])
        assert len({tuple(near.receive()[1][0]) for _ in numbers}) == 1000
        until(lambda: far.ask(STATUS)[0]["retained_messages"] >= 1006, "a thousand messages through the foreign node")
        # Now there is a second way, and each message still comes once.
        near.ask(CONNECT, [[None, right]])
        near.ask(READY)
        near.publish(b"ring", 1)
        until(lambda: [len(paths) for _, payload, paths in far.messages() if payload == b"ring"] == [2], "both ways")
        assert Counter(payload for _, payload, _ in far.messages())[b"ring"] == 1
        assert set(Counter(tuple(id) for id, _, _ in far.messages()).values()) == {1}
        assert sorted(line()["text"].encode() for _ in numbers) == sorted(numbers)
        assert line()["text"] == "ring"
        # A neighbour takes its leave, and the foreign node goes on without it.
        assert far.ask(REMOVE) == []
        near.publish(b"alone")
        assert line()["text"] == "alone"


class Neighbour:
    """A node as far as it takes to be sent messages: `frames` are those that came, of each the header behind its version and
    the body."""

    def __init__(self, name, address, *capabilities):
        self.name, self.router = name, zmq.Context.instance().socket(zmq.ROUTER)
        self.router.set(zmq.LINGER, 0)
        self.router.bind("tcp://127.0.0.1:*")
        self.capabilities, self.frames = capabilities, []
        self.link = dealer(address, name)
        self.say(HELLO, *self.introduction())
        until(lambda: WELCOME in [kind for kind, *_ in self.answers()], "a welcome")

    def introduction(self):
        return [self.name, self.router.get(zmq.LAST_ENDPOINT).decode(), "default", "", 1, list(self.capabilities)]

    def say(self, *fields, body=()):
        self.link.send_multipart([b"", pack(*fields), *body])

    def answers(self):
        return [answer(self.link)] if self.link.poll(0) else []

    def hear(self):
        """Takes what has come, and answers it."""
        while self.router.poll(0):
            sender, empty, header, *body = self.router.recv_multipart()
            kind, *fields = msgpack.unpackb(header)[2:]
            reply = {HELLO: [WELCOME, *self.introduction()], PING: [PONG, *fields[:1]]}.get(kind)
            if reply:
                self.router.send_multipart([sender, b"", pack(*reply)])
            self.frames.append((kind, fields, body))
        self.answers()
        return self.frames

    def message(self, id):
        """The message with this id, once it has come."""
        found = until(lambda: [frame for frame in self.hear() if frame[0] == MESSAGE and frame[1][0] == id], f"{id}")
        return found[0]


def fields_of_the_future(left, right, *program):
    """What no node of today knows of a message goes with it: through two nodes of ours and one in another language, to a
    neighbour, and to one that comes later and asks for it."""
    with foreign(left, right, program) as (near, far, line):
        source, target = Neighbour("source", left), Neighbour("target", right)
        until(lambda: target.hear() and ["target", True] in [[p[0], p[2]] for p in far.ask(PEERS)[0]], "a link to it")
        future = ["x", {"new": [None, True, 2**63]}, b"\x00\xff"]
        at = time.time_ns()
        source.say(MESSAGE, ["source", 1, 1], at, 1, None, None, 1, *future, body=[b"apple"])
        assert target.message(["source", 1, 1]) == (MESSAGE, [["source", 1, 1], at, 4, None, None, 1, *future], [b"apple"])
        assert line()["text"] == "apple"
        late = Neighbour("late", right, "repair")
        until(lambda: late.hear() and ["late", True] in [[p[0], p[2]] for p in far.ask(PEERS)[0]], "a link to it")
        late.say(PULL, [["source", 1, [[1, 1]]]])
        asked = late.message(["source", 1, 1])
        assert asked == (MESSAGE, [["source", 1, 1], at, 4, None, None, 1, *future], [b"apple"]), asked


def flood(left, middle, right, gossip, *program):
    """5,000 lines through a node in another language: every node has each of them once."""
    lines = [b"%d" % number for number in range(1, 5001)]
    with foreign(left, middle, program) as (near, far, line):
        last = Client(right, timeout=DEADLINE * 1000)
        command = [gossip, "send-message", left.removeprefix("tcp://"), "--lines", "--json"]
        sent = json.loads(subprocess.run(command, input=b"\n".join(lines), check=True, stdout=subprocess.PIPE).stdout)
        assert sent["count"] == len(lines), sent
        for node in near, far, last:
            until(lambda: node.ask(STATUS)[0]["retained_messages"] >= len(lines), "all messages everywhere")
            found = sorted((id[2], payload) for id, payload, _ in node.messages())
            assert found == list(enumerate(lines, 1))
        assert sorted(int(line()["text"]) for _ in lines) == list(range(1, 5001))


if __name__ == "__main__":
    story, *arguments = sys.argv[1:]
    globals()[story](*arguments)
    print(story, "ok")
