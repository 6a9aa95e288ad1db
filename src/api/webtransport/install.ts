/** Puts the class where programs look for it. */
import { WebTransport } from './client.ts'
import { type InstallOptions, installClass } from './installing.ts'

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
  return installClass(WebTransport, options)
}
