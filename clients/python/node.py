"""A node of gossip: it meets its neighbours, prints each message once, and passes it on.

    python node.py NAME BIND [PEER ...]     python node.py moon tcp://127.0.0.1:7100 tcp://127.0.0.1:7004
"""
import contextlib, json, os, secrets, sys, time
import msgpack, zmq

HELLO, MESSAGE, LEAVE, PING, WELCOME, FAREWELL, PONG, REFUSE = 1, 2, 3, 4, 17, 19, 20, 31
name, bind, *addresses = sys.argv[1:]
router = zmq.Context.instance().socket(zmq.ROUTER)
router.set(zmq.ROUTER_HANDOVER, 1)  # or a neighbour that reconnects is not heard
router.bind(bind)
endpoint = router.get(zmq.LAST_ENDPOINT).decode()
network, instance = os.environ.get("GOSSIP_NETWORK", "default"), os.environ.get("GOSSIP_INSTANCE", "")
incarnation = (int(time.time()) << 20) + secrets.randbits(20)  # no other node of this name has the same
links, peers, seen = {}, {}, set()  # sockets by endpoint; (endpoint, incarnation) by name; ids of messages
silent, heard, probed = {}, {}, 0  # probes without answer by socket; when the node at an endpoint spoke; when we probed

def send(socket, kind, *fields, envelope=(), body=()):
    with contextlib.suppress(zmq.Again):  # a neighbour that is 100,000 frames behind misses some
        socket.send_multipart([*envelope, b"", msgpack.packb(["GS", 1, kind, *fields]), *body], zmq.DONTWAIT)
def introduce(socket, kind, envelope=()):
    send(socket, kind, name, endpoint, network, instance, incarnation, [], envelope=envelope)
def hello(address):
    if address not in links:
        links[address] = zmq.Context.instance().socket(zmq.DEALER)
        links[address].set(zmq.ROUTING_ID, name.encode())
        links[address].set(zmq.SNDHWM, 100_000)
        links[address].connect(address)
    introduce(links[address], HELLO)

def probe():  # a link that answers nothing while its neighbour speaks leads nowhere: it gets another connection
    global silent
    silent = {socket: silent.get(socket, 0) + 1 for socket in links.values()}
    for address, socket in list(links.items()):
        if silent[socket] > 3 and heard.get(address, 0) > time.monotonic() - 10:
            links.pop(address).close(linger=0)
            hello(address)
        else:
            send(socket, PING, 0)

def drop(address):  # unless somebody else is there by now
    if address in links and address not in [known for known, _ in peers.values()]:
        links.pop(address).close(linger=0)

def on_hello(envelope, sender, peer, address, its_network, its_instance, its_incarnation, *_):
    code = ("other_network" if its_network != network
            else "other_instance" if its_instance and its_instance != instance
            else "bad_identity" if peer != sender else "name_taken" if peer == name else None)
    if code:
        return send(router, REFUSE, code, f"this is {name} of network {network}", envelope=envelope)
    introduce(router, WELCOME, envelope)
    known = peers.get(peer)
    if known != (address, its_incarnation):  # new, or started anew and knows us no more
        hello(address)
        peers[peer] = (address, its_incarnation)
        drop(known and known[0])

def on_welcome(peer, address, its_network, its_instance, *_):
    global instance
    if its_network == network:  # a node that was told none takes that of whom it was told of
        instance = instance or its_instance

def on_message(sender, payload, id, published_at, hops, trace=None, *rest):
    if tuple(id) in seen:
        return
    seen.add(tuple(id))
    if trace:
        trace = [trace[0], [*trace[1], [name, max(0, time.time_ns() - published_at) // 1000]]]
    print(json.dumps({"id": id, "path": trace and [hop[0] for hop in trace[1]], "text": payload.decode(errors="replace")}), flush=True)
    for peer, (address, _) in peers.items():
        if peer != sender and not (trace and len(trace[1]) > 4096):
            send(links[address], MESSAGE, id, published_at, hops + 1, trace, *rest, body=[payload])

def on_frame(envelope, body, kind, *fields):
    sender = envelope[0].decode()
    if sender in peers:
        heard[peers[sender][0]] = time.monotonic()
    if kind == HELLO:
        on_hello(envelope, sender, *fields)
    elif kind in (MESSAGE, LEAVE, PING) and sender not in peers:
        send(router, REFUSE, "not_introduced", "say HELLO first", envelope=envelope)
    elif kind == MESSAGE:
        on_message(sender, *body, *fields)
    elif kind == PING:
        send(router, PONG, fields[0], envelope=envelope)
    elif kind == LEAVE:
        send(router, FAREWELL, envelope=envelope)
        drop(peers.pop(sender)[0])

for address in addresses:
    hello(address)
print(json.dumps({"node": name, "endpoint": endpoint}), flush=True)
while True:
    if time.monotonic() > probed + 2:
        probed = time.monotonic()
        probe()
    for socket in zmq.select([router, *links.values()], [], [], 1)[0]:
        silent[socket] = 0
        with contextlib.suppress(ValueError, TypeError, IndexError, zmq.ZMQError):  # what we do not understand
            start = (frames := socket.recv_multipart()).index(b"")
            mark, version, *rest = msgpack.unpackb(frames[start + 1], strict_map_key=False)
            if (mark, version) == ("GS", 1) and socket is router:
                on_frame(frames[:start], frames[start + 2:], *rest)
            elif rest[:2] == [REFUSE, "not_introduced"]:
                introduce(socket, HELLO)
            elif rest[0] == WELCOME and socket in [links.get(address) for address in addresses]:
                on_welcome(*rest[1:])
