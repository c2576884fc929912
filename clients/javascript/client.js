// A client of gossip: sends a message to a node, then shows what the node has, whom it knows and how it is.
//
//     node client.js tcp://127.0.0.1:7004 apple
const { Dealer } = require("zeromq")
const { encode, decode } = require("@msgpack/msgpack")

const [PUBLISH, FETCH, PEERS, STATUS, ERROR] = [32, 33, 35, 36, 95]
const exact = { useBigInt64: true } // times are larger than a number can hold exactly

class Client {
  constructor(endpoint, timeout = 10_000) {
    this.socket = new Dealer({ linger: 0, receiveTimeout: timeout })
    this.socket.connect(endpoint)
    this.number = 0
  }
  // Sends a request and does not wait for its reply. The number of the request comes back with it.
  async send(type, fields = [], body = []) {
    this.number += 1
    await this.socket.send([null, encode(["GS", 1, type, this.number, ...fields], exact), ...body])
    return this.number
  }
  // The next reply, of whichever request: the number of that request, and the fields behind the node's name.
  async receive() {
    const [empty, header] = await this.socket.receive()
    const [mark, version, type, number, node, ...fields] = decode(header, exact)
    if (type === ERROR) throw new Error(`${fields[0]}: ${fields[1]}`)
    return { number, fields }
  }
  // One request and its reply, while no other request is open.
  async ask(type, fields, body) {
    await this.send(type, fields, body)
    return (await this.receive()).fields
  }
  // Returns the message's id [origin, incarnation, sequence]. With `relays`, its paths are recorded.
  async publish(payload, relays = null) {
    await this.checkLength(payload)
    return (await this.ask(PUBLISH, [relays], [payload]))[0]
  }
  // Each payload, bytes, becomes a message: all of them or, if one is refused, none. Returns their ids.
  async publishAll(payloads) {
    const packed = payloads.length === 1 ? payloads[0] : Buffer.concat(payloads.map((payload) => encode(payload)))
    await this.checkLength(packed)
    const [[origin, incarnation, first]] = await this.ask(PUBLISH, [null, payloads.length], [packed])
    return payloads.map((_, place) => [origin, incarnation, BigInt(first) + BigInt(place)])
  }
  // A node closes the connection at a frame of more than twice its payload limit and 1 MiB: such a one is not sent.
  async checkLength(body) {
    const length = Buffer.byteLength(body)
    if (length <= 1 << 20) return
    const limit = 2 * Number((await this.ask(STATUS))[0].payload_len_max) + (1 << 20)
    const remedy = "publish fewer payloads at a time, or start nodes with a larger --payload-max"
    if (length > limit)
      throw new Error(`${length} bytes are over the limit of ${limit} that the node reads at once: ${remedy}`)
  }
  // All messages of the node, read page by page. A path is a list of [node, µs].
  async messages(status = "all") {
    const found = []
    for (let entries, cursor = [0, 0], through = null; cursor !== null; ) {
      ;[entries, cursor, through] = await this.ask(FETCH, [status, cursor, through])
      for (const [position, id, published, received, unread, continued, paths, payload] of entries)
        continued ? found.at(-1).paths.push(...paths) : found.push({ id, payload: Buffer.from(payload), paths })
    }
    return found
  }
}

async function main(endpoint, text) {
  const node = new Client(endpoint)
  console.log("sent", await node.publish(text, 1))
  for (const { id, payload, paths } of await node.messages())
    console.log(id.join("-"), payload.toString(), paths.map((path) => path.map(([name]) => name).join(" > ")))
  for (const [name, endpoint, up, roundTrip] of (await node.ask(PEERS))[0])
    console.log("peer", name, endpoint, up ? "up" : "down", roundTrip, "µs")
  console.log((await node.ask(STATUS))[0])
}

module.exports = { Client }
if (require.main === module) main(...process.argv.slice(2))
