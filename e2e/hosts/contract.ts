/**
 * The matrix of hosts: what a cell is, and what it is played on. A module `page-*.ts`, `worker-*.ts` or `bundle-*.ts` of this
 * folder exports `cells`, and `npm run e2e` plays them all, each on the package as it is published.
 */
import type { Browser } from 'playwright'
import type * as Isoquic from '../../src/index.ts'
import type { DatagramTransport } from '../../src/transport.ts'
import type { BrowserName } from '../support/browsers.ts'
import type { Http3Doors, Service } from './http3-dialogue.ts'

/** What every host is asked for, in the order of the table. */
export const CASES = ['handshake', 'transfer', 'datagrams', 'close', 'carrier lost'] as const

/**
 * `handshake`: complete and confirmed. `transfer`: data both ways, compared by hash. `datagrams`: there and back. `close`: the
 * code and the reason arrive, from either side. `carrier lost`: it dies in the middle of a transfer, `migrate()` takes
 * another one, and the transfer ends whole.
 */
export type Case = (typeof CASES)[number]

/** What every host is asked for with HTTP/3 and WebTransport, in the order of their table. */
export const HTTP3_CASES = ['small fetch', '5 MB each way', 'streams', 'datagrams', 'close'] as const

/**
 * `small fetch`: an answer to a body, and a 404. `5 MB each way`: streamed, compared by hash. The others are of a session:
 * `streams`: of both kinds, opened by either side, reset and stopped with codes by either. `datagrams`: there and back. `close`:
 * code and reason arrive, from either side, and a refusal does.
 */
export type Http3Case = (typeof HTTP3_CASES)[number]

/** Of either table. */
export type AnyCase = Case | Http3Case

/** What came of each case: `'ok'`, or what went wrong. A case that is absent was not reached. */
export type Outcomes = Readonly<Partial<Record<AnyCase, string>>>

/** What a cell needs is not installed here: then it is not played, which is a failure in continuous integration alone. */
export class NotInstalledError extends Error {
  override readonly name: string = 'NotInstalledError'

  constructor(what: string) {
    super(`${what} is not installed`)
  }
}

/** One line of the matrix. */
export interface Cell {
  /** Where isoquic runs, such as `Chromium`. */
  readonly runtime: string
  /** What carries its datagrams, such as `WebSocket gateway`. */
  readonly transport: string
  /** Who is at the other end, such as `ngtcp2`. */
  readonly peer: string
  /** The table that it stands in; default: that of QUIC. */
  readonly table?: 'HTTP/3'
  /** The cases that are played; the others are shown as a dash. */
  readonly cases: readonly AnyCase[]
  /** Why each of the others is not. */
  readonly cannot?: Readonly<Partial<Record<AnyCase, string>>>
  /** What a reader of the table should know of the cases that are played. */
  readonly notes?: Readonly<Partial<Record<AnyCase, string>>>
  /** Plays the cases. Leaves no process, page or socket behind, however it ends; what it rejects with, but for a {@link NotInstalledError}, fails all cases. */
  run(stage: Stage): Promise<Outcomes>
}

/** What the cells share. */
export interface Stage {
  /** A folder in which the packed tarball is installed, with its peers: `node_modules/isoquic`. */
  readonly folder: string
  /** The library as Node finds it there, for the far ends that run in this process. */
  readonly isoquic: typeof Isoquic
  /** The file `isoquic.min.js` of the tarball. */
  readonly singleFile: { readonly path: string; readonly text: string; readonly sha256: string }
  /** isoquic in Node on UDP, on loopback, which answers the dialogue (`dialogue.ts`). */
  readonly server: DialogueServer
  /** The servers of HTTP/3 and WebTransport in Node on UDP, on loopback; the same for all who ask. */
  http3(): Promise<Http3Servers>
  /** A gateway on loopback, `127.0.0.1:port`, that forwards to one UDP port of loopback; the same for all who ask for that port. */
  gatewayTo(port: number): Promise<string>
  /** A browser at work, the same for all who ask. Rejects with a {@link NotInstalledError}. */
  browser(name: BrowserName): Promise<Browser>
  /**
   * Bundles a module, given as text, as a user's bundler would: `isoquic/…` is the installed package, relative imports are
   * from this folder.
   */
  bundle(text: string, condition: 'browser' | 'workerd' | 'default'): Promise<string>
}

/** The far end of dialogues. */
export interface DialogueServer {
  /** `127.0.0.1:port` */
  readonly address: string
  readonly port: number
  /** SHA-256 of its certificate: what `serverCertificateHashes` takes as `value`. */
  readonly hash: readonly number[]
  /** Whether a client has closed a connection with code 7 and this reason; waits for it a little. */
  heardClose(reason: string): Promise<boolean>
  /** Serves on another transport as well. */
  addTransport(transport: DatagramTransport): void
}

/** The far end of dialogues of HTTP/3 and WebTransport. */
export interface Http3Servers {
  readonly ports: Readonly<Record<Service, number>>
  /** SHA-256 of the certificate of both. */
  readonly hash: readonly number[]
  /** The doors of the installed package, for clients in this process. */
  readonly doors: Http3Doors
  /** Serves on another transport as well. */
  addTransport(service: Service, transport: DatagramTransport): void
}
