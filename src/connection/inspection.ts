/** What a connection looks like from within, as plain data: for debugging, not for decisions. */
import { type Duration, NEVER, type Time } from '../base/time.ts'
import type { DatagramSettings } from '../streams/datagram-settings.ts'
import type { Stream } from '../streams/stream.ts'
import type { StreamCredit } from '../streams/stream-options.ts'
import { PacketSpace } from '../wire/packet-type.ts'
import type { StreamDirection } from '../wire/stream-id.ts'
import type { ConnectionParts } from './assembly.ts'
import type { CloseReason } from './events.ts'
import { type PathStats, pathStatsOf } from './stats.ts'

/** One stream. */
export interface StreamInspection {
  readonly id: number
  readonly direction: StreamDirection
  readonly isLocal: boolean
  readonly urgency: number
  readonly incremental: boolean
  readonly send: InspectedSendHalf | undefined
  readonly receive: InspectedReceiveHalf | undefined
}

/** A sending half; sizes in bytes. */
export interface InspectedSendHalf {
  readonly state: string
  readonly written: number
  readonly queued: number
  readonly sent: number
  readonly acknowledged: number
}

/** A receiving half; sizes in bytes. */
export interface InspectedReceiveHalf {
  readonly state: string
  readonly received: number
  readonly read: number
  readonly finalSize: number | undefined
}

/** How long until each timer that runs, ms; at most 0: it is due. */
export interface TimerInspection {
  readonly loss: Duration | undefined
  readonly idle: Duration | undefined
  readonly acks: Duration | undefined
  readonly paths: Duration | undefined
  readonly mtu: Duration | undefined
  readonly keys: Duration | undefined
  readonly streams: Duration | undefined
  readonly datagrams: Duration | undefined
  readonly closing: Duration | undefined
}

/** A connection at one moment: strings, numbers, bigints, arrays and objects of such. */
export interface ConnectionInspection {
  readonly role: 'client' | 'server'
  readonly version: number
  readonly alpn: string | undefined
  readonly isHandshakeComplete: boolean
  readonly isHandshakeConfirmed: boolean
  readonly closeReason: CloseReason | undefined
  /** Ours, and the peer's by path; hexadecimal. */
  readonly localIds: readonly string[]
  readonly peerIds: readonly string[]
  /** Generation of the 1-RTT keys that we send with; -1: there are none. */
  readonly keyGeneration: number
  readonly idleTimeout: Duration
  readonly paths: readonly PathStats[]
  readonly packets: {
    readonly outstanding: number
    readonly ptoCount: number
    readonly largestAcked: number
  }
  readonly credit: StreamCredit
  readonly queuedBytes: number
  readonly streams: readonly StreamInspection[]
  readonly datagrams: DatagramSettings & {
    readonly queued: number
    readonly readable: number
    readonly maxSize: number
  }
  readonly timers: TimerInspection
}

/** What is asked of a connection that only its façade knows. */
export interface InspectionFacts {
  readonly alpn: string | undefined
  readonly isHandshakeComplete: boolean
  readonly isHandshakeConfirmed: boolean
}

/** A snapshot at `now`. */
export function inspect(parts: ConnectionParts, facts: InspectionFacts, now: Time): ConnectionInspection {
  const { closing, context, datagrams, idle, localIds, loss, paths, peerIds, spaces, streams } = parts
  return {
    role: context.role,
    version: context.version,
    ...facts,
    closeReason: closing.reason,
    localIds: localIds.active.map((id) => id.toString()),
    peerIds: paths.paths.map((path) => peerIds.idOf(path.id)?.toString() ?? ''),
    keyGeneration: spaces.oneRtt?.writeGeneration ?? -1,
    idleTimeout: idle.timeout,
    paths: pathStatsOf(parts),
    packets: {
      outstanding: loss.outstanding(PacketSpace.application),
      ptoCount: loss.ptoCount,
      largestAcked: loss.largestAcked(PacketSpace.application),
    },
    credit: streams.credit,
    queuedBytes: streams.queuedBytes,
    streams: [...streams.values()].map(inspectStream),
    datagrams: {
      ...datagrams.settings,
      queued: datagrams.queued,
      readable: datagrams.readable,
      maxSize: datagrams.maxDatagramSize,
    },
    timers: inspectTimers(parts, now),
  }
}

function inspectStream({ id, direction, isLocal, priority, send, receive }: Stream): StreamInspection {
  return {
    id,
    direction,
    isLocal,
    urgency: priority.urgency,
    incremental: priority.incremental,
    send: send && {
      state: send.state,
      written: send.bytesWritten,
      queued: send.queuedBytes,
      sent: send.bytesSent,
      acknowledged: send.bytesAcknowledged,
    },
    receive: receive && {
      state: receive.state,
      received: receive.bytesReceived,
      read: receive.bytesRead,
      finalSize: receive.finalSize,
    },
  }
}

function inspectTimers(parts: ConnectionParts, now: Time): TimerInspection {
  const { closing, datagrams, idle, loss, paths, spaces, streams } = parts
  const until = (at: Time): Duration | undefined => (at === NEVER ? undefined : at - now)
  if (closing.state !== 'open') return { ...NO_TIMERS, closing: until(closing.nextTimeout()) }
  let acks: Time = NEVER
  for (const space of spaces.all) acks = Math.min(acks, space.acks.nextTimeout())
  return {
    loss: until(loss.nextTimeout()),
    idle: until(idle.nextTimeout()),
    acks: until(acks),
    paths: until(paths.nextTimeout()),
    mtu: until(paths.active.mtu?.nextTimeout() ?? NEVER),
    keys: until(spaces.oneRtt?.nextTimeout() ?? NEVER),
    streams: until(streams.nextTimeout()),
    datagrams: until(datagrams.nextTimeout()),
    closing: undefined,
  }
}

const NO_TIMERS: TimerInspection = {
  loss: undefined,
  idle: undefined,
  acks: undefined,
  paths: undefined,
  mtu: undefined,
  keys: undefined,
  streams: undefined,
  datagrams: undefined,
  closing: undefined,
}
