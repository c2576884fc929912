// A node of gossip: it meets its neighbours, prints each message once, and passes it on.
//
//     node node.js NAME BIND [PEER ...]      node node.js moon tcp://127.0.0.1:7100 tcp://127.0.0.1:7004
const { Dealer, Router } = require("zeromq")
const { randomInt } = require("node:crypto")
const { encode, decode } = require("@msgpack/msgpack")

const [HELLO, MESSAGE, LEAVE, PING, WELCOME, FAREWELL, PONG, REFUSE] = [1, 2, 3, 4, 17, 19, 20, 31]
const [name, bind, ...addresses] = process.argv.slice(2)
const exact = { useBigInt64: true } // times are larger than a number can hold exactly
const now = () => BigInt(Date.now()) * 1_000_000n
const network = process.env.GOSSIP_NETWORK ?? "default"
const seconds = BigInt(Math.floor(Date.now() / 1000))
const incarnation = (seconds << 20n) + BigInt(randomInt(1 << 20)) // no other node of this name has the same
let instance = process.env.GOSSIP_INSTANCE ?? ""
const [links, peers, seen] = [new Map(), new Map(), new Set()] // by endpoint; by name; ids of messages

// A socket that takes one frame after another, and hands what arrives to `take`.
function talk(socket, take) {
  let last = Promise.resolve()
  const send = (type, fields, { envelope = [], body = [] } = {}) => {
    const frames = [...envelope, null, encode(["GS", 1, type, ...fields], exact), ...body]
    last = last.then(() => socket.send(frames)).catch((error) => console.error("not sent:", error.message))
  }
  const hear = (frames) => {
    const start = frames.findIndex((frame) => frame.length === 0)
    const [mark, version, type, ...fields] = decode(frames[start + 1], exact)
    if (mark === "GS" && Number(version) === 1) take(Number(type), fields, frames.slice(0, start), frames[start + 2])
  }
  const listen = async () => {
    for await (const frames of socket)
      try { hear(frames) } catch (error) { console.error("ignored:", error.message) } // it breaks nothing
  }
  return { socket, send, listen }
}
const router = talk(new Router({ handover: true }), onFrame) // or a neighbour that reconnects is not heard
const introduction = () => [name, router.socket.lastEndpoint, network, instance, incarnation, []]

function hello(address) {
  if (!links.has(address)) {
    const socket = new Dealer({ routingId: name, sendHighWaterMark: 100_000, sendTimeout: 0, linger: 0 })
    socket.connect(address)
    const link = talk(socket, (type, fields) => {
      link.silent = 0
      onAnswer(type, fields, address)
    })
    links.set(address, Object.assign(link, { silent: 0, heard: 0 }))
    link.listen()
  }
  links.get(address).send(HELLO, introduction())
}

function probe() { // a link that answers nothing while its neighbour speaks leads nowhere: it gets another connection
  for (const [address, link] of links) {
    if (++link.silent > 3 && link.heard > Date.now() - 10_000) {
      link.socket.close()
      links.delete(address)
      hello(address)
    } else link.send(PING, [0])
  }
}

function onAnswer(type, fields, address) {
  if (type === REFUSE && fields[0] === "not_introduced") hello(address)
  // A node that was told no instance takes that of whom it was told of.
  if (type === WELCOME && addresses.includes(address) && fields[2] === network) instance ||= fields[3]
}

function onHello(envelope, from, [peer, address, itsNetwork, itsInstance, itsIncarnation]) {
  const code = itsNetwork !== network ? "other_network"
    : itsInstance && itsInstance !== instance ? "other_instance"
    : peer !== from ? "bad_identity" : peer === name ? "name_taken" : null
  if (code) return router.send(REFUSE, [code, `this is ${name} of network ${network}`], { envelope })
  router.send(WELCOME, introduction(), { envelope })
  const known = peers.get(peer)
  if (known?.address === address && known.itsIncarnation === itsIncarnation) return
  peers.set(peer, { address, itsIncarnation }) // new, or started anew and knows us no more
  hello(address)
  if (known) drop(known.address)
}

function drop(address) { // unless somebody else is there by now
  if ([...peers.values()].some((peer) => peer.address === address)) return
  links.get(address)?.socket.close()
  links.delete(address)
}

function onMessage(from, payload, [id, published, hops, trace, ...rest]) {
  if (seen.has(id.join("-"))) return
  seen.add(id.join("-"))
  const late = (now() - BigInt(published)) / 1000n
  if (trace) trace = [trace[0], [...trace[1], [name, late > 0 ? late : 0]]]
  console.log(JSON.stringify({ id: id.map(String), path: trace?.[1].map(([hop]) => hop), text: payload.toString() }))
  for (const [peer, { address }] of peers)
    if (peer !== from && !(trace?.[1].length > 4096))
      links.get(address).send(MESSAGE, [id, published, Number(hops) + 1, trace ?? null, ...rest], { body: [payload] })
}

function onFrame(type, fields, envelope, payload) {
  const from = envelope[0].toString()
  const link = links.get(peers.get(from)?.address)
  if (link) link.heard = Date.now()
  if (type === HELLO) onHello(envelope, from, fields)
  else if ([MESSAGE, LEAVE, PING].includes(type) && !peers.has(from))
    router.send(REFUSE, ["not_introduced", "say HELLO first"], { envelope })
  else if (type === MESSAGE) onMessage(from, payload, fields)
  else if (type === PING) router.send(PONG, [fields[0]], { envelope })
  else if (type === LEAVE) {
    router.send(FAREWELL, [], { envelope })
    const { address } = peers.get(from)
    peers.delete(from)
    drop(address)
  }
}

router.socket.bind(bind).then(() => {
  addresses.forEach(hello)
  console.log(JSON.stringify({ node: name, endpoint: router.socket.lastEndpoint }))
  router.listen()
  setInterval(probe, 2000)
})
