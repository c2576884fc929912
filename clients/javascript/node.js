// A node of gossip: it meets its neighbours, prints each message once, and passes it on.
//
//     node node.js NAME BIND [PEER ...]      node node.js moon tcp://127.0.0.1:7100 tcp://127.0.0.1:7004
const { Dealer, Router } = require("zeromq")
const { encode, decode } = require("@msgpack/msgpack")

const [HELLO, MESSAGE, LEAVE, PING, WELCOME, FAREWELL, PONG, REFUSE] = [1, 2, 3, 4, 17, 19, 20, 31]
const [name, bind, ...addresses] = process.argv.slice(2)
const exact = { useBigInt64: true } // times and incarnations are larger than a number can hold exactly
const now = () => BigInt(Date.now()) * 1_000_000n

const router = new Router({ handover: true }) // or a neighbour that reconnects is not heard
const network = process.env.GOSSIP_NETWORK ?? "default"
const incarnation = now()
let instance = ""
const links = new Map() // by endpoint
const peers = new Map() // endpoint and incarnation of who said HELLO, by name
const seen = new Set()

// A socket that takes one frame after another, whoever sends.
function sender(socket) {
  let last = Promise.resolve()
  return (type, fields = [], { envelope = [], body = [] } = {}) => {
    const frames = [...envelope, null, encode(["GS", 1, type, ...fields], exact), ...body]
    last = last.then(() => socket.send(frames)).catch((error) => console.error("not sent:", error.message))
  }
}
const answer = sender(router)
const introduction = () => [name, router.lastEndpoint, network, instance, incarnation, []]

function hello(address) {
  if (!links.has(address)) {
    const socket = new Dealer({ routingId: name, sendHighWaterMark: 100_000, sendTimeout: 0, linger: 0 })
    socket.connect(address)
    links.set(address, { socket, send: sender(socket) })
    listen(socket, (_, __, type, code) => type === REFUSE && code === "not_introduced" && hello(address))
  }
  links.get(address).send(HELLO, introduction())
}

function onHello(envelope, from, [peer, address, itsNetwork, itsInstance, itsIncarnation]) {
  const code =
    itsNetwork !== network ? "other_network"
    : instance && itsInstance && itsInstance !== instance ? "other_instance"
    : peer !== from ? "bad_identity"
    : peer === name ? "name_taken" : null
  if (code) return answer(REFUSE, [code, `this is ${name} of network ${network}`], { envelope })
  instance ||= itsInstance
  answer(WELCOME, introduction(), { envelope })
  if (peers.get(peer)?.address === address && peers.get(peer).itsIncarnation === itsIncarnation) return
  peers.set(peer, { address, itsIncarnation }) // new, or started anew and knows us no more
  hello(address)
}

function onMessage(from, payload, [id, published, hops, trace = null]) {
  const key = JSON.stringify(id.map(String))
  if (seen.has(key)) return
  seen.add(key)
  const micros = Math.max(0, Number(now() - BigInt(published)) / 1000)
  if (trace) trace = [trace[0], [...trace[1], [name, Math.round(micros)]]]
  const path = trace && trace[1].map(([hop]) => hop)
  console.log(JSON.stringify({ id: id.map(String), path, text: payload.toString() }))
  for (const [peer, { address }] of peers)
    if (peer !== from && !(path?.length > 4096))
      links.get(address).send(MESSAGE, [id, published, hops + 1, trace], { body: [payload] })
}

function onFrame(envelope, body, type, ...fields) {
  const from = envelope[0].toString()
  if (type === HELLO) onHello(envelope, from, fields)
  else if ([MESSAGE, LEAVE, PING].includes(type) && !peers.has(from))
    answer(REFUSE, ["not_introduced", "say HELLO first"], { envelope })
  else if (type === MESSAGE) onMessage(from, body[0], fields)
  else if (type === PING) answer(PONG, [fields[0]], { envelope })
  else if (type === LEAVE) {
    answer(FAREWELL, [], { envelope })
    const { address } = peers.get(from)
    peers.delete(from)
    links.get(address).socket.close()
    links.delete(address)
  }
}

async function listen(socket, take) {
  for await (const frames of socket) {
    try {
      const start = frames.findIndex((frame) => frame.length === 0)
      const [mark, version, ...rest] = decode(frames[start + 1], exact)
      if (mark === "GS" && Number(version) === 1) take(frames.slice(0, start), frames.slice(start + 2), ...rest)
    } catch (error) {
      console.error("ignored:", error.message) // what we do not understand breaks nothing
    }
  }
}

router.bind(bind).then(() => {
  addresses.forEach(hello)
  console.log(JSON.stringify({ node: name, endpoint: router.lastEndpoint }))
  listen(router, onFrame)
})
