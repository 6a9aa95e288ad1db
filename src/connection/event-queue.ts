/** What the application is still to be told, in order; an observer hears of it at once. */
import { Deque } from '../base/deque.ts'
import type { Time } from '../base/time.ts'
import type { ObservedClose, Observer } from '../wire/observer.ts'
import type { CloseReason, ConnectionEvent, PathFact } from './events.ts'

/** The queue of events of one connection. */
export class EventQueue {
  /** When the call began that is being carried out. */
  now: Time
  readonly #events = new Deque<ConnectionEvent>()
  readonly #observer: Observer | undefined

  constructor(observer: Observer | undefined, now: Time) {
    this.now = now
    this.#observer = observer
  }

  /** Adds an event behind the last. */
  push(event: ConnectionEvent): void {
    this.#events.push(event)
    if (this.#observer !== undefined) tell(this.#observer, event, this.now)
  }

  /** Whether there is none. */
  get isEmpty(): boolean {
    return this.#events.length === 0
  }

  /** Removes and returns the first event; `undefined` if there is none. */
  shift(): ConnectionEvent | undefined {
    return this.#events.shift()
  }
}

function tell(observer: Observer, event: ConnectionEvent, now: Time): void {
  switch (event.type) {
    case 'connected':
      observer.alpnChosen?.(event.alpn, now)
      return observer.connectionState?.('handshake_complete', now)
    case 'handshake-confirmed':
      return observer.connectionState?.('handshake_confirmed', now)
    case 'path-probed':
      return tellProbe(observer, 'started', event, now)
    case 'path-validated':
      return tellProbe(observer, 'successful', event, now)
    case 'path-failed':
      return tellProbe(observer, 'abandoned', event, now)
    case 'path-changed':
      return observer.pathChanged?.(event.localAddress, event.remoteAddress, now)
    case 'mtu-changed':
      return observer.mtuUpdated?.(event.mtu, now)
    case 'closing':
      observer.connectionClosed?.(closeOf(event.reason), now)
      if (isSpoken(event.reason)) observer.connectionState?.('closing', now)
      return
    case 'draining':
      return observer.connectionState?.('draining', now)
    case 'closed':
      return observer.connectionState?.('closed', now)
    default:
  }
}

function tellProbe(
  observer: Observer,
  outcome: 'started' | 'successful' | 'abandoned',
  { path, localAddress, remoteAddress }: PathFact,
  now: Time,
): void {
  observer.pathProbed?.(outcome, path, localAddress, remoteAddress, now)
}

/** Whether we say that it is over, and so wait in the closing state (RFC 9000 §10.2.1). */
function isSpoken(reason: CloseReason): boolean {
  if (reason.kind === 'transport' || reason.kind === 'application') return reason.side === 'local'
  return reason.kind === 'handshake-timeout'
}

function closeOf(reason: CloseReason): ObservedClose {
  switch (reason.kind) {
    case 'transport':
      return close('error', reason.side, 'transport', reason.code, reason.reason)
    case 'application':
      return close('application', reason.side, 'application', reason.code, reason.reason)
    case 'idle-timeout':
      return close('idle_timeout', undefined, undefined, 0n, `Nothing was heard for ${reason.after} ms`)
    case 'handshake-timeout':
      return close('aborted', 'local', undefined, 0n, `The handshake was not complete after ${reason.after} ms`)
    case 'stateless-reset':
      return close('stateless_reset', 'remote', undefined, 0n, '')
    case 'version':
      return close('version_mismatch', undefined, undefined, 0n, '')
    case 'carrier-closed':
      return close('aborted', undefined, undefined, 0n, 'The carrier is closed')
  }
}

function close(
  trigger: ObservedClose['trigger'],
  initiator: ObservedClose['initiator'],
  space: ObservedClose['space'],
  code: bigint,
  reason: string,
): ObservedClose {
  return { trigger, initiator, space, code, reason }
}
