/**
 * quiche, as the native binding in `@matrixai/quic` has it, in Node. The binding is quiche's own state machine; sockets and
 * timers are here. (`PEERS.md` tells what is lost in the streams of the package's own classes.)
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { createSocket } from 'node:dgram'
import quiche from '@matrixai/quic/native/quiche.js'
import {
  ALPN,
  answerTo,
  answerToDatagram,
  authority,
  certificate,
  DatagramRequests,
  downloadAll,
  host,
  IDLE_TIMEOUT,
  main,
  port,
  privateKey,
  report,
  requestFor,
  role,
  save,
  serverName,
  testCase,
  unsupported,
} from './contract.mjs'

// `Config` has no word for versions: a client offers version 1.
if (role === 'client' && testCase === 'versionnegotiation') unsupported()

const BUFFER_SIZE = 4 << 20
const CHUNK = 65_536
/** Datagrams that wait. */
const QUEUE_LENGTH = 100
const RETRY_KEY = randomBytes(32)

const encode = (text) => new TextEncoder().encode(text)
const hex = (bytes) => Buffer.from(bytes).toString('hex')

function createConfig(authorities, keys, certificates) {
  const config = quiche.Config.withBoringSslCtx(authorities !== undefined, false, authorities, keys, certificates, null)
  config.setApplicationProtos([ALPN])
  config.setMaxIdleTimeout(IDLE_TIMEOUT)
  config.setMaxRecvUdpPayloadSize(quiche.MAX_UDP_PACKET_SIZE)
  config.setMaxSendUdpPayloadSize(quiche.MAX_DATAGRAM_SIZE)
  config.setInitialMaxData(1 << 20)
  config.setInitialMaxStreamDataBidiLocal(1 << 19)
  config.setInitialMaxStreamDataBidiRemote(1 << 19)
  config.setInitialMaxStreamDataUni(1 << 19)
  config.setInitialMaxStreamsBidi(100)
  config.setInitialMaxStreamsUni(100)
  config.enablePacing(false)
  config.setActiveConnectionIdLimit(4)
  config.setDisableActiveMigration(false)
  if (testCase === 'datagrams') config.enableDgram(true, QUEUE_LENGTH, QUEUE_LENGTH)
  if (testCase === 'zerortt') config.enableEarlyData()
  return config
}

async function bind(localPort) {
  const socket = createSocket('udp4')
  await new Promise((resolve) => socket.bind(localPort, host, resolve))
  socket.setRecvBufferSize(BUFFER_SIZE)
  socket.setSendBufferSize(BUFFER_SIZE)
  return socket
}

/** A connection with its socket and its timer. */
class Driver {
  /** Called after whatever may have changed something. */
  onProgress = () => {}
  onEnded = () => {}
  #connection
  /** By local port. */
  #sockets = new Map()
  #timer
  #buffer = Buffer.alloc(CHUNK)
  #outgoing = new Map()
  #incoming = new Map()
  #hasEnded = false

  constructor(connection, socket) {
    this.#connection = connection
    this.addSocket(socket)
  }

  addSocket(socket) {
    this.#sockets.set(socket.address().port, socket)
  }

  get connection() {
    return this.#connection
  }

  receive(bytes, from, socket) {
    const to = { host, port: socket.address().port }
    try {
      this.#connection.recv(bytes, { from: { host: from.address, port: from.port }, to })
    } catch (error) {
      // quiche has drawn its conclusions; what it sends tells them.
      report('receive-failed', { error: String(error) })
    }
    this.pump()
  }

  /** Sends all of `bytes` on a stream, and its end. */
  send(id, bytes) {
    this.#outgoing.set(id, bytes)
  }

  /** What streams have brought whole, each once. */
  *finished() {
    for (const [id, { chunks, isFinished }] of this.#incoming) {
      if (!isFinished) continue
      this.#incoming.delete(id)
      yield [id, Buffer.concat(chunks)]
    }
  }

  /** Datagrams that have come, each once. */
  *datagrams() {
    for (;;) {
      const bytes = this.#connection.dgramRecvQueueLen() > 0 ? this.#connection.dgramRecvVec() : null
      if (bytes === null) return
      yield bytes
    }
  }

  pump() {
    if (this.#connection.isEstablished() || this.#connection.isInEarlyData()) {
      this.#read()
      this.onProgress()
      this.#write()
    }
    this.#flush()
  }

  #read() {
    for (const id of this.#connection.readable()) {
      const entry = this.#incoming.get(id) ?? { chunks: [], isFinished: false }
      this.#incoming.set(id, entry)
      for (;;) {
        const got = this.#connection.streamRecv(id, this.#buffer)
        if (got === null) break
        const [length, isLast] = got
        entry.chunks.push(Buffer.from(this.#buffer.subarray(0, length)))
        if (isLast) entry.isFinished = true
        if (isLast) break
      }
    }
  }

  #write() {
    for (const [id, bytes] of this.#outgoing) {
      const sent = this.#connection.streamSend(id, bytes, true) ?? 0
      if (sent === bytes.length) this.#outgoing.delete(id)
      else this.#outgoing.set(id, bytes.subarray(sent))
    }
  }

  #flush() {
    for (;;) {
      const datagram = Buffer.alloc(quiche.MAX_DATAGRAM_SIZE)
      const sent = this.#connection.send(datagram)
      if (sent === null) break
      const [length, { from, to }] = sent
      this.#sockets.get(from.port)?.send(datagram.subarray(0, length), to.port, to.host)
    }
    clearTimeout(this.#timer)
    if (this.#connection.isClosed()) return this.#end()
    if (this.#connection.isDraining()) this.#end()
    const wait = this.#connection.timeout()
    if (wait !== null) this.#timer = setTimeout(() => this.#onTimeout(), Math.ceil(wait))
  }

  #onTimeout() {
    this.#connection.onTimeout()
    this.pump()
  }

  #end() {
    if (this.#hasEnded) return
    this.#hasEnded = true
    const error = this.#connection.peerError() ?? this.#connection.localError()
    report('closed', { code: error?.errorCode, isTimedOut: this.#connection.isTimedOut() })
    this.onEnded()
  }
}

/** All connections of a server, by the ids that clients may use. */
const drivers = new Map()

async function serve() {
  const config = createConfig(undefined, [encode(privateKey())], [encode(certificate())])
  const socket = await bind(port)
  socket.on('message', (bytes, from) => {
    let header
    try {
      header = quiche.Header.fromSlice(bytes, quiche.MAX_CONN_ID_LEN)
    } catch {
      return
    }
    const known = drivers.get(hex(header.dcid))
    if (known !== undefined) known.receive(bytes, from, socket)
    else if (header.ty === quiche.Type.Initial) accept(header, config, socket, from)?.receive(bytes, from, socket)
  })
  report('listening', { address: `${host}:${socket.address().port}` })
}

/** The connection that an Initial packet begins; `undefined` where something else must come first. */
function accept(header, config, socket, from) {
  const answer = Buffer.alloc(quiche.MAX_DATAGRAM_SIZE)
  if (!quiche.versionIsSupported(header.version)) {
    const length = quiche.negotiateVersion(header.scid, header.dcid, answer)
    socket.send(answer.subarray(0, length), from.port, from.address)
    return undefined
  }
  let id = randomBytes(quiche.MAX_CONN_ID_LEN)
  let original
  if (testCase === 'retry') {
    if (header.token.length === 0) {
      const token = mintToken(header.dcid, from)
      const length = quiche.retry(header.scid, header.dcid, id, token, header.version, answer)
      socket.send(answer.subarray(0, length), from.port, from.address)
      return undefined
    }
    original = checkToken(header.token, from)
    if (original === undefined) return undefined
    id = Buffer.from(header.dcid)
  }
  const local = { host, port }
  const connection = quiche.Connection.accept(id, original, local, { host: from.address, port: from.port }, config)
  const driver = new Driver(connection, socket)
  const ids = [hex(id), hex(header.dcid)]
  for (const each of ids) drivers.set(each, driver)
  let isNew = true
  driver.onProgress = () => {
    if (isNew) report('connected', { alpn: Buffer.from(connection.applicationProto()).toString() })
    isNew = false
    issueIds(connection, (each) => {
      ids.push(each)
      drivers.set(each, driver)
    })
    for (const [stream, request] of driver.finished()) driver.send(stream, answerTo(request.toString()))
    for (const bytes of driver.datagrams()) connection.dgramSendVec(answerToDatagram(bytes))
  }
  driver.onEnded = () => {
    for (const each of ids) drivers.delete(each)
  }
  return driver
}

/** quiche issues ids only where it is told to. */
function issueIds(connection, onIssued) {
  while (connection.sourceCidsLeft() > 0) {
    const id = randomBytes(quiche.MAX_CONN_ID_LEN)
    connection.newSourceCid(id, BigInt(`0x${hex(randomBytes(16))}`), false)
    onIssued(hex(id))
  }
}

function mintToken(original, from) {
  const facts = Buffer.concat([original, Buffer.from(`@${from.address}:${from.port}`)])
  return Buffer.concat([createHmac('sha256', RETRY_KEY).update(facts).digest(), original])
}

function checkToken(token, from) {
  const original = Buffer.from(token).subarray(32)
  const wanted = mintToken(original, from)
  return wanted.length === token.length && timingSafeEqual(wanted, Buffer.from(token)) ? original : undefined
}

/** Of the connection before. */
let session

async function download(urls) {
  const socket = await bind(0)
  const local = { host, port: socket.address().port }
  const remote = { host, port: Number(urls[0].port) }
  const config = createConfig(encode(authority()))
  const id = randomBytes(quiche.MAX_CONN_ID_LEN)
  const driver = new Driver(quiche.Connection.connect(serverName, id, local, remote, config), socket)
  const isBack = session !== undefined
  if (isBack) driver.connection.setSession(session)
  socket.on('message', (bytes, from) => driver.receive(bytes, from, socket))
  const sockets = [socket]
  let missing = urls.length
  let isNew = true
  let asked
  driver.onProgress = () => {
    if (isNew) {
      report('connected', { alpn: Buffer.from(driver.connection.applicationProto()).toString() })
      if (testCase === 'datagrams') asked = askByDatagram(driver, urls)
      else for (const [index, url] of urls.entries()) driver.send(4 * index, requestFor(url))
    }
    for (const bytes of driver.datagrams()) asked?.onDatagram(bytes)
    isNew = false
    issueIds(driver.connection, () => {})
    if (testCase === 'connectionmigration') void migrate(driver, remote, sockets)
    for (const [stream, bytes] of driver.finished()) {
      save(urls[stream / 4], bytes)
      missing -= 1
    }
    const comesBack = (testCase === 'resumption' || testCase === 'zerortt') && !isBack
    if (comesBack) session = driver.connection.session() ?? undefined
    if (asked?.isDone === true) missing = 0
    if (missing === 0 && (!comesBack || session !== undefined)) driver.connection.close(true, 0, encode(''))
  }
  const ended = new Promise((resolve) => {
    driver.onEnded = resolve
  })
  driver.pump()
  // Early data goes behind the ClientHello.
  if (isBack && testCase === 'zerortt') driver.pump()
  await ended
  if (missing > 0) throw new Error(`${missing} files are missing`)
  // The datagram with the close must leave first.
  for (const each of sockets) if (each !== undefined) await new Promise((resolve) => each.close(resolve))
}

function askByDatagram(driver, urls) {
  // What is sent inside of a round of the driver leaves at its end.
  const asked = new DatagramRequests(urls, (bytes) => {
    driver.connection.dgramSendVec(bytes)
    queueMicrotask(() => driver.pump())
  })
  return asked
}

/** Asks from another socket, once, as soon as the server has issued an id for it, and moves there when it answers. */
async function migrate(driver, remote, sockets) {
  const { connection } = driver
  for (let event = connection.pathEventNext(); event !== null; event = connection.pathEventNext()) {
    if (event.type !== 'Validated' || event.local.port !== sockets[1]?.address().port) continue
    connection.migrate(event.local, remote)
    report('migrated', { port: event.local.port })
  }
  if (sockets.length > 1 || connection.availableDcids() === 0) return
  sockets.push(undefined)
  const socket = await bind(0)
  sockets[1] = socket
  socket.on('message', (bytes, from) => driver.receive(bytes, from, socket))
  driver.addSocket(socket)
  connection.probePath({ host, port: socket.address().port }, remote)
  driver.pump()
}

await main(serve, () => downloadAll(download))
