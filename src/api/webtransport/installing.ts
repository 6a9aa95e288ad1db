/** Puts the class where programs look for it, whichever of ours it is. */
import { WebTransportDatagramDuplexStream } from './datagrams.ts'
import { WebTransportDatagramsWritable } from './datagrams-writable.ts'
import { WebTransportError } from './error.ts'
import type { WebTransportOptions } from './options.ts'
import { WebTransportBidirectionalStream, WebTransportReceiveStream } from './receive-stream.ts'
import { WebTransportSendGroup } from './send-group.ts'
import { WebTransportSendStream, WebTransportWriter } from './send-stream.ts'
import type { WebTransportSession } from './session.ts'

/** How the class is installed: the defaults of all sessions, and where. */
export interface InstallOptions extends WebTransportOptions {
  /** Default `globalThis`. */
  readonly target?: object
  /** Take the place of a class that is there; default `false`. */
  readonly force?: boolean
}

/** A class of sessions that are made with a URL. */
export interface WebTransportConstructor {
  new (url: string | URL, options?: WebTransportOptions): WebTransportSession
  readonly supportsReliableOnly: boolean
}

/** Installs `base` and the classes around it; whether it was done. */
export function installClass(base: WebTransportConstructor, options: InstallOptions): boolean {
  const { target = globalThis, force = false, ...defaults } = options
  if ('WebTransport' in target && target.WebTransport !== undefined && !force) return false
  const bound = class extends base {
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
