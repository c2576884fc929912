// What a JavaScript client can do with nodes that run: `node check.js STORY ENDPOINT ...`.
//
// Written from docs/spec/gossip-bus.md alone. Ends with exit code 1 on the first surprise.
const assert = require("node:assert/strict")
const { randomBytes } = require("node:crypto")
const { readFileSync } = require("node:fs")
const { join } = require("node:path")
const { setTimeout: pause } = require("node:timers/promises")
const { Dealer, Request } = require("zeromq")
const { encode, decode } = require("@msgpack/msgpack")

const root = join(__dirname, "../../..")
const { Client } = require(join(root, "clients/javascript/client.js"))

const [PUBLISH, FETCH, MARK, PEERS, STATUS, CONNECT, READY, REMOVE, STOP] = [32, 33, 34, 35, 36, 37, 38, 39, 40]
const [RECEIPT, PEER_LIST, STATE, ERROR] = [64, 67, 68, 95]
const [HELLO, MESSAGE, PING, WELCOME, PONG, REFUSE] = [1, 2, 4, 17, 20, 31]
const deadline = 30_000
const exact = { useBigInt64: true }
const pack = (...fields) => Buffer.from(encode(["GS", 1, ...fields], exact))

// Waits for a condition, and gives what it gave.
async function until(condition, what) {
  for (const end = Date.now() + deadline; ; await pause(5)) {
    const result = await condition()
    if (result) return result
    assert(Date.now() < end, `in ${deadline} ms not: ${what}`)
  }
}

function dealer(endpoint, routingId) {
  const socket = new Dealer({ linger: 0, receiveTimeout: deadline, ...(routingId && { routingId }) })
  socket.connect(endpoint)
  return socket
}

async function call(socket, header, ...body) {
  await socket.send([null, header, ...body])
  return answer(socket)
}

async function answer(socket) {
  const [empty, header, ...more] = await socket.receive()
  assert.deepEqual([empty.length, more.length], [0, 0])
  const [mark, version, ...rest] = decode(header, exact)
  assert.deepEqual([mark, version], ["GS", 1])
  return rest
}

// Integers beyond 2^53 stand in the vectors: they become BigInt, as the decoder gives them.
function vectors(name) {
  const text = readFileSync(join(root, "tests/vectors", name), "utf8")
  const marked = text.replace(/([[ ])(\d{16,})(?=[,\]}])/g, '$1{"integer": "$2"}')
  return JSON.parse(marked, (_, value) =>
    value?.integer ? BigInt(value.integer) : value?.bin !== undefined ? Buffer.from(value.bin, "hex") : value)
}

// One form of each value, for comparing: all integers BigInt, all bytes Buffer.
function plain(value) {
  if (typeof value === "number") return BigInt(value)
  if (value instanceof Uint8Array) return Buffer.from(value)
  if (Array.isArray(value)) return value.map(plain)
  if (value && typeof value === "object")
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, plain(entry)]))
  return value
}
const same = (left, right, what) => assert.deepEqual(plain(left), plain(right), what)

const stories = {
  // Every vector decodes to its fields, and is what the canonical ones encode to.
  async codec() {
    for (const { name, fields, header, canonical } of vectors("headers.json")) {
      same(decode(Buffer.from(header, "hex"), exact), fields, name)
      if (canonical) assert.equal(Buffer.from(encode(fields, exact)).toString("hex"), header, name)
    }
    for (const { name, parts, envelope } of vectors("envelopes.json")) {
      const found = parts.slice(0, -1).indexOf("")
      assert.equal(found < 0 ? null : found, envelope, name)
    }
  },

  // Every command, on a ring of five.
  async commands(...endpoints) {
    const nodes = endpoints.map((endpoint) => new Client(endpoint))
    const [first, second, third, fourth, fifth] = nodes
    for (const node of nodes) same(await node.ask(READY), [])

    const traced = await first.publish("apple", 1)
    same([traced[0], traced[2]], ["1", 1])
    for (const [index, node] of [...nodes.entries()].slice(1)) {
      const all = await until(async () => {
        const messages = await node.messages()
        return messages[0]?.paths.length === 2 && messages
      }, "two paths")
      same([all.length, all[0].id, all[0].payload.toString()], [1, traced, "apple"])
      for (const path of all[0].paths) same([path[0], path.at(-1)[0]], [["1", 0], String(index + 1)])
    }

    const bytes = Buffer.from([255, 0, 1])
    const untraced = await first.publish(bytes)
    same(untraced, [traced[0], traced[1], 2])
    await until(async () => (await third.messages()).some(({ payload }) => payload.equals(bytes)), "untraced")
    same((await third.messages())[1], { id: untraced, payload: bytes, paths: [] })

    const once = pack(PUBLISH, randomBytes(16), null)
    const socket = dealer(endpoints[0])
    same(await call(socket, once, "once"), await call(socket, once, "once"), "a repeated request gets the first receipt")
    same((await first.ask(PUBLISH, [], [""]))[1], "memory")
    await until(async () => (await second.messages()).length === 4, "four messages")

    const [two] = await second.ask(FETCH, ["unread", [0, 0], null, 2, true])
    same(two.map((entry) => entry[4]), [true, true])
    same([(await second.messages("read")).length, (await second.messages("unread")).length], [2, 2])
    const [three, cursor, through] = await second.ask(FETCH, ["all", [0, 0], null, 3])
    same([three.map(([position]) => position), through], [[1, 2, 3], 4])
    const [last, end] = await second.ask(FETCH, ["all", cursor, through])
    same([last.map(([position]) => position), end], [[4], null])
    same(await second.ask(MARK, [3, 4]), [])
    same(await second.messages("unread"), [])

    for (const fill of [1, 2, 3, 4]) await third.publish(Buffer.alloc(600_000, fill))
    await until(async () => (await fourth.messages()).length === 8, "large messages over several pages")
    same((await fourth.messages()).at(-1).payload.length, 600_000)
    assert.notEqual((await fourth.ask(FETCH))[1], null, "pages end at 1 MiB")

    const [state] = await first.ask(STATUS)
    same([state.node, state.endpoint, state.incarnation], ["1", endpoints[0], traced[1]])
    same([state.payload_len_max, state.counters.published], [1 << 20, 4])
    same(state.peers.map(([name]) => name), (await first.ask(PEERS))[0].map(([name]) => name))

    const peers = async (node) => (await node.ask(PEERS))[0].map(([name, , up]) => (up ? name : `-${name}`)).sort().join()
    same(await peers(first), "2,5")
    same(await first.ask(CONNECT, [[["3", endpoints[2]], [null, endpoints[3]]]]), [])
    await until(async () => (await peers(first)) === "2,3,4,5", "two more links")
    await until(async () => (await peers(fourth)) === "1,3,5", "the links back")
    same(await fifth.ask(REMOVE), [])
    await until(async () => (await peers(first)) === "2,3,4", "node 5 forgotten")
    await until(async () => (await peers(fourth)) === "1,3", "node 5 forgotten by its other neighbour")
    same(await third.ask(STOP), [])
  },

  // Each kind of socket that the specification allows.
  async sockets(endpoint) {
    for (const options of [{}, { correlate: true }, { correlate: true, relaxed: true }]) {
      const socket = new Request({ ...options, linger: 0, receiveTimeout: deadline })
      socket.connect(endpoint)
      for (const number of [0, 1, 2]) {
        await socket.send([pack(PUBLISH, number), "by REQ"])
        const [mark, version, type, request] = decode((await socket.receive())[0], exact)
        same([mark, version, type, request], ["GS", 1, RECEIPT, number])
      }
      socket.close()
    }
    same((await call(dealer(endpoint), pack(PEERS, null))).slice(0, 2), [PEER_LIST, null])
    for (const number of [0, 2n ** 64n - 1n, Buffer.from("12345678"), Buffer.alloc(32)])
      same((await call(dealer(endpoint), pack(STATUS, number))).slice(0, 2), [STATE, number])
    const socket = dealer(endpoint)
    await socket.send(["a", "b", null, pack(READY, 7, "new", { field: 1 })])
    same((await socket.receive()).slice(0, 3).map(String), ["a", "b", ""])
  },

  // 10,000 messages sent before the first receipt is read; each node has each of them once.
  async pipeline(...endpoints) {
    const count = 10_000
    const nodes = endpoints.map((endpoint) => new Client(endpoint, deadline))
    await nodes[0].ask(READY)
    const sent = new Map()
    for (let index = 0; index < count; index++) sent.set(await nodes[0].send(PUBLISH, [null], [String(index)]), String(index))
    const expected = []
    for (const [number, text] of sent) {
      const receipt = await nodes[0].receive()
      same(receipt.number, number, "receipts come in order")
      expected.push(`${receipt.fields[0].join("-")} ${text}`)
    }
    assert.equal(new Set(expected).size, count)
    for (const node of nodes) {
      await until(async () => (await node.ask(STATUS))[0].retained_messages >= count, "all messages everywhere")
      const found = (await node.messages()).map(({ id, payload }) => `${id.join("-")} ${payload}`)
      assert.deepEqual(found.sort(), expected.sort())
    }
  },

  // A thousand messages in one request: each node has each of them once, under ids that count on.
  async batch(...endpoints) {
    const nodes = endpoints.map((endpoint) => new Client(endpoint, deadline))
    const payloads = Array.from({ length: 998 }, (_, number) => Buffer.from(String(number)))
    payloads.push(Buffer.alloc(0), Buffer.alloc(70_000, 255))
    const ids = await nodes[0].publishAll(payloads)
    same(ids.map(([, , sequence]) => sequence), payloads.map((_, place) => place + 1))
    same(await nodes[0].publishAll([Buffer.from("alone")]), [[ids[0][0], ids[0][1], 1001]])
    await assert.rejects(nodes[0].publishAll([Buffer.alloc(1), Buffer.alloc((1 << 20) + 1)]), /too_large/)
    const many = Array(4).fill(Buffer.alloc(1 << 20))
    await assert.rejects(nodes[0].publishAll(many), /4194324 bytes are over the limit of 3145728 that the node reads/)
    const expected = new Map(ids.map((id, place) => [id.join("-"), payloads[place]])).set(
      `${ids[0][0]}-${ids[0][1]}-1001`, Buffer.from("alone"))
    for (const node of nodes) {
      await until(async () => (await node.messages()).length >= 1001, "all messages everywhere")
      const found = await node.messages()
      assert.equal(found.length, 1001)
      same(new Map(found.map(({ id, payload }) => [id.join("-"), payload])), expected)
    }
  },

  // What is wrong is answered with its code and its request, and the node goes on.
  async errors(endpoint) {
    const socket = dealer(endpoint)
    for (const { name, header, body, code, request } of vectors("refused.json")) {
      const parts = [header, ...body].map((part) => Buffer.from(part, "hex"))
      const [type, ...rest] = await call(socket, ...parts)
      assert(type === ERROR || type === REFUSE, name)
      assert.equal(type === ERROR ? rest[2] : rest[0], code, name)
      if (type === ERROR) same(rest[0], request, name)
    }
    const large = await call(socket, pack(PUBLISH, 9), Buffer.alloc((1 << 20) + 1))
    same([large[0], large[1], large[3]], [ERROR, 9, "too_large"])
    same((await call(socket, pack(PUBLISH, 10), Buffer.alloc(1 << 20)))[0], RECEIPT)
    await socket.send([pack(STATUS, 11)])
    same((await answer(socket))[3], "envelope")
    same((await call(socket, pack(STATUS, 12))).slice(0, 2), [STATE, 12])
  },

  // Who may not join is told why.
  async strangers(endpoint) {
    const here = "tcp://127.0.0.1:1"
    const meet = async (identity, name, network = "default") => {
      const [type, ...fields] = await call(dealer(endpoint, identity), pack(HELLO, name, here, network, "", 1, []))
      return type === REFUSE ? fields[0] : type
    }
    same(await meet("s", "s", "other"), "other_network")
    same(await meet("s", "t"), "bad_identity")
    same(await meet("1", "1"), "name_taken")
    same((await call(dealer(endpoint, "s"), pack(PING, 5))).slice(0, 2), [REFUSE, "not_introduced"])
    const message = pack(MESSAGE, ["s", 1, 1], 1, 1)
    same((await call(dealer(endpoint, "s"), message, "x")).slice(0, 2), [REFUSE, "not_introduced"])
    const socket = dealer(endpoint, "s")
    const hello = pack(HELLO, "s", here, "default", "", 1, ["unheard-of"], 0, null, { new: 1 })
    same((await call(socket, hello)).slice(0, 3), [WELCOME, "1", endpoint])
    same(await call(socket, pack(PING, 2n ** 64n - 1n)), [PONG, 2n ** 64n - 1n])
    const client = new Client(endpoint)
    same(await client.messages(), [])
    same((await client.ask(STATUS))[0].counters.refused_other_network, 1)
  },
}

const [story, ...endpoints] = process.argv.slice(2)
stories[story](...endpoints).then(
  () => process.exit(0),
  (error) => {
    console.error(error)
    process.exit(1)
  },
)
