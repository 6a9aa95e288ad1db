/** What an application sees as its socket: a Duplex with the facts of the QUIC connection, and the methods that are called on it. */
import { X509Certificate } from 'node:crypto'
import { Duplex, type DuplexOptions } from 'node:stream'

/** What an application may ask about the connection. */
export interface SocketFacts {
  /** `host:port`, IPv6 in brackets. */
  readonly remoteAddress: string | undefined
  /** `host:port`, IPv6 in brackets. */
  readonly localAddress: string | undefined
  /** The client's certificates, DER, its own first; they were verified, else there would be no connection. */
  readonly peerCertificates: readonly Uint8Array[]
}

interface Place {
  readonly address: string | undefined
  readonly port: number | undefined
  readonly family: 'IPv4' | 'IPv6' | undefined
}

/** A socket of an application. */
export type NodeSocket = Duplex & {
  /** Call it at every sign of life: it puts the timeout off. */
  touch(): void
}

/** A Duplex that looks like a `tls.TLSSocket` as far as applications look. */
export function nodeSocket(options: DuplexOptions, facts: SocketFacts): NodeSocket {
  const duplex = new Duplex({ ...options, allowHalfOpen: true })
  const remote = placeOf(facts.remoteAddress)
  const local = placeOf(facts.localAddress)
  const timer = new IdleTimer(duplex)
  const certificates = facts.peerCertificates
  const parse = (index: number): X509Certificate | undefined => {
    const der = certificates[index]
    return der === undefined ? undefined : new X509Certificate(der)
  }
  const values: Readonly<Record<string, unknown>> = {
    remoteAddress: remote.address,
    remotePort: remote.port,
    remoteFamily: remote.family,
    localAddress: local.address,
    localPort: local.port,
    localFamily: local.family,
    encrypted: true,
    // As tls.TLSSocket has it: whether a certificate of the client was verified.
    authorized: certificates.length > 0,
    alpnProtocol: 'h3',
    connecting: false,
    pending: false,
    touch: () => timer.touch(),
    address: () => ({ address: local.address, port: local.port, family: local.family }),
    getPeerCertificate: (isDetailed?: boolean) => legacyCertificate(certificates, isDetailed === true),
    getPeerX509Certificate: () => parse(0),
    getProtocol: () => 'TLSv1.3',
    isSessionReused: () => false,
    setTimeout: (timeout: number, onTimeout?: () => void) => {
      timer.set(timeout)
      if (onTimeout !== undefined) {
        if (timeout === 0) duplex.removeListener('timeout', onTimeout)
        else duplex.once('timeout', onTimeout)
      }
      return duplex
    },
    // UDP knows nothing of these, and a process lives as long as its endpoint.
    setNoDelay: () => duplex,
    setKeepAlive: () => duplex,
    ref: () => duplex,
    unref: () => duplex,
    destroySoon: () => {
      if (duplex.writable) duplex.end()
      if (duplex.writableFinished) duplex.destroy()
      else duplex.once('finish', () => duplex.destroy())
    },
  }
  const properties = Object.entries(values).map(([name, value]) => [
    name,
    { value, writable: true, enumerable: true, configurable: true },
  ])
  const socket = Object.defineProperties(duplex, Object.fromEntries(properties)) as NodeSocket
  Object.defineProperty(socket, 'timeout', { get: () => timer.timeout, enumerable: true })
  socket.once('close', () => timer.set(0))
  return socket
}

/** Tells of silence, as `net.Socket` does. */
class IdleTimer {
  readonly #duplex: Duplex
  #timer: NodeJS.Timeout | undefined
  /** ms; 0: none. */
  timeout = 0

  constructor(duplex: Duplex) {
    this.#duplex = duplex
  }

  set(timeout: number): void {
    if (!(Number.isFinite(timeout) && timeout >= 0)) {
      throw new RangeError(`A timeout is a number of milliseconds from 0, got ${timeout}`)
    }
    this.timeout = timeout
    clearTimeout(this.#timer)
    this.#timer =
      timeout === 0 ? undefined : setTimeout(() => this.#duplex.emit('timeout'), Math.min(timeout, 0x7fff_ffff))
    this.#timer?.unref()
  }

  touch(): void {
    this.#timer?.refresh()
  }
}

/** The shape of `tls.TLSSocket.getPeerCertificate()`; empty where there is none. */
function legacyCertificate(chain: readonly Uint8Array[], isDetailed: boolean): object {
  const [first, ...rest] = chain.map((der) => new X509Certificate(der).toLegacyObject())
  if (first === undefined) return {}
  if (!isDetailed) return first
  let issued: object = first
  for (const issuer of rest) {
    Object.assign(issued, { issuerCertificate: issuer })
    issued = issuer
  }
  return first
}

function placeOf(given: string | undefined): Place {
  const [, bracketed, plain, port] = /^(?:\[(.*)\]|(.*)):(\d+)$/.exec(given ?? '') ?? []
  const address = bracketed ?? plain
  if (address === undefined || address === '') return { address: undefined, port: undefined, family: undefined }
  return { address, port: Number(port), family: address.includes(':') ? 'IPv6' : 'IPv4' }
}
