/** Puts the class where programs look for it. */
import { WebTransport } from './client.ts'
import { WebTransportDatagramDuplexStream } from './datagrams.ts'
import { WebTransportDatagramsWritable } from './datagrams-writable.ts'
import { WebTransportError } from './error.ts'
import type { WebTransportOptions } from './options.ts'
import { WebTransportBidirectionalStream, WebTransportReceiveStream } from './receive-stream.ts'
import { WebTransportSendGroup } from './send-group.ts'
import { WebTransportSendStream, WebTransportWriter } from './send-stream.ts'

/** How the class is installed: the defaults of all sessions, and where. */
export interface InstallOptions extends WebTransportOptions {
  /** Default `globalThis`. */
  readonly target?: object
  /** Take the place of a class that is there; default `false`. */
  readonly force?: boolean
}

/**
 * Puts W3C's `WebTransport` and the classes around it on `globalThis`, so that programs written for pages find them: where there
 * is none, or in any case with `force`. The other options are what each session is made with unless it says otherwise,
 * `transport` above all.
 *
 * @returns Whether it was done.
 * @example
 * ```ts
 * import { install } from 'isoquic/webtransport'
 * import { websocket } from 'isoquic/transports/websocket'
 *
 * install({ transport: () => websocket({ gateway: 'wss://gateway.example' }) })
 * ```
 */
export function install(options: InstallOptions = {}): boolean {
  const { target = globalThis, force = false, ...defaults } = options
  if ('WebTransport' in target && target.WebTransport !== undefined && !force) return false
  const bound = class extends WebTransport {
    constructor(url: string | URL, own?: WebTransportOptions) {
      super(url, { ...defaults, ...own })
    }
  }
  Object.defineProperty(bound, 'name', { value: 'WebTransport', configurable: true })
  const classes: Readonly<Record<string, unknown>> = {
    WebTransport: bound,
    WebTransportBidirectionalStream,
    WebTransportDatagramDuplexStream,
    WebTransportDatagramsWritable,
    WebTransportError,
    WebTransportReceiveStream,
    WebTransportSendGroup,
    WebTransportSendStream,
    WebTransportWriter,
  }
  for (const [name, value] of Object.entries(classes)) {
    Object.defineProperty(target, name, { value, writable: true, enumerable: false, configurable: true })
  }
  return true
}
