/**
 * The interop runner's contract for the peers, in whatever runtime they live: the environment, HTTP/0.9, and one line of JSON
 * for each fact.
 */

import { Buffer } from 'node:buffer'
import { readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import process from 'node:process'

const get = (name) => process.env[name] ?? ''

export const role = get('ROLE')
export const testCase = get('TESTCASE')
export const requests = get('REQUESTS')
  .split(/\s+/)
  .filter((word) => word !== '')
  .map((word) => new URL(word))
export const host = '127.0.0.1'
/** What the certificate is for. */
export const serverName = 'localhost'
export const port = Number(get('PORT'))
export const ALPN = 'hq-interop'
export const certificate = () => readFileSync(join(get('CERTS'), 'cert.pem'), 'utf8')
export const privateKey = () => readFileSync(join(get('CERTS'), 'priv.key'), 'utf8')
export const authority = () => readFileSync(join(get('CERTS'), 'ca.pem'), 'utf8')

/** ms without a packet. */
export const IDLE_TIMEOUT = 60_000

/** Prints one fact. */
export function report(event, facts = {}) {
  console.log(JSON.stringify({ event, ...facts }, (_, value) => (typeof value === 'bigint' ? Number(value) : value)))
}

/** Ends with the exit code of a case that is not supported. */
export function unsupported() {
  console.error(`ROLE=${role} TESTCASE=${testCase} is not supported`)
  process.exit(127)
}

/** The file that a request asks for. */
export function answerTo(request) {
  const [, path] = /^GET (\/\S*)/.exec(request) ?? []
  if (path === undefined) throw new Error(`Not a request: ${request}`)
  return readFileSync(join(get('WWW'), basename(path)))
}

/** The request for `url`. */
export const requestFor = (url) => new TextEncoder().encode(`GET ${url.pathname}\r\n`)

/** Writes what was downloaded. */
export function save(url, bytes) {
  writeFileSync(join(get('DOWNLOADS'), basename(url.pathname)), bytes)
}

/** ms until a request by datagram is repeated. */
const INTERVAL = 200

/** The datagram that answers the one of a client. */
export function answerToDatagram(bytes) {
  const request = Buffer.from(bytes).toString('latin1')
  const [, path] = /^GET (\/\S*)/.exec(request) ?? []
  return Buffer.concat([Buffer.from(`${path}\r\n`), answerTo(request)])
}

/** Asks for files with datagrams, again and again until they have come. */
export class DatagramRequests {
  #missing
  #send
  #timer
  #resolve

  constructor(urls, send) {
    this.#missing = new Map(urls.map((url) => [url.pathname, url]))
    this.#send = send
    this.done = new Promise((resolve) => {
      this.#resolve = resolve
    })
    this.#timer = setInterval(() => this.#ask(), INTERVAL)
    this.#ask()
  }

  #ask() {
    for (const url of this.#missing.values()) this.#send(requestFor(url))
  }

  get isDone() {
    return this.#missing.size === 0
  }

  onDatagram(bytes) {
    const answer = Buffer.from(bytes)
    const end = answer.indexOf('\r\n')
    const url = this.#missing.get(answer.toString('latin1', 0, end))
    if (url === undefined) return
    this.#missing.delete(url.pathname)
    save(url, answer.subarray(end + 2))
    if (!this.isDone) return
    clearInterval(this.#timer)
    this.#resolve()
  }
}

/** All that a stream of chunks holds. */
export async function readAll(readable) {
  const chunks = []
  for await (const chunk of readable) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks)
}

/** Downloads over one connection, or over one for each request, as the case asks. */
export async function downloadAll(download) {
  if (testCase === 'resumption' || testCase === 'zerortt') {
    // Each knows how to go on from the connection before.
    await download(requests.slice(0, 1))
    await download(requests.slice(1))
  } else if (testCase === 'multiconnect' || testCase === 'handshakeloss') {
    for (const url of requests) await download([url])
  } else await download(requests)
}

/** Runs one of the two roles and ends with its exit code. */
export async function main(serve, download) {
  try {
    if (role === 'server') await serve()
    else {
      await download()
      process.exit(0)
    }
  } catch (error) {
    console.error(error)
    process.exit(1)
  }
}
