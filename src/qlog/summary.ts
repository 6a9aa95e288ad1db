/** The summary of a trace, made as its events come, in a bounded memory: whoever wrote it, by whatever names. */
import { addressOf, metricsOf, packetOf, type QlogPacket, quicEventType, versionOf } from './facts.ts'
import { listOf, numberOf, objectOf, textOf } from './json-values.ts'
import type { QlogEvent, QlogObject } from './schema.ts'
import { Samples, TimeSeries } from './series.ts'
import { addId, increment, Paths, SentSizes, StreamMeter, Tally } from './summary-parts.ts'
import type { QlogSummary, SummaryClose } from './summary-types.ts'
import type { QlogTraceHead } from './trace-reader.ts'

/** The initial round trip in seconds (RFC 9002 §6.2.2), as one stack logs it instead of milliseconds. */
const RTT_SECONDS = 0.333

/**
 * Adds the events of one trace up: what `isoquic inspect` shows, as plain data.
 *
 * @example
 * ```ts
 * import { QlogSummarizer, readQlog } from 'isoquic/qlog'
 *
 * function medianRtt(file: string): number | undefined {
 *   const [trace] = readQlog(file).traces
 *   const summarizer = new QlogSummarizer()
 *   for (const event of trace?.events ?? []) summarizer.add(event)
 *   return summarizer.summary(trace).rtt?.median
 * }
 * ```
 */
export class QlogSummarizer {
  readonly #sent = new Tally()
  readonly #received = new Tally()
  readonly #dropped = new Tally()
  readonly #lost = new Tally()
  readonly #sentStreams = new StreamMeter()
  readonly #receivedStreams = new StreamMeter()
  readonly #sizes = new SentSizes()
  readonly #paths = new Paths()
  readonly #framesSent: Record<string, number> = {}
  readonly #framesReceived: Record<string, number> = {}
  readonly #localIds: string[] = []
  readonly #remoteIds: string[] = []
  readonly #notes = new Set<string>()
  readonly #rtt = new Samples()
  readonly #windows = new Samples()
  readonly #flights = new Samples()
  readonly #series = {
    congestionWindow: new TimeSeries(),
    bytesInFlight: new TimeSeries(),
    rtt: new TimeSeries(),
    smoothedRtt: new TimeSeries(),
    losses: new TimeSeries(),
  }
  #events = 0
  #first = 0
  #last = 0
  #firstPacket: 'sent' | 'received' | undefined = undefined
  #groupId: string | undefined = undefined
  #version: number | undefined = undefined
  #versionsOffered: number[] = []
  #alpn: string | undefined = undefined
  #cipher: string | undefined = undefined
  #complete: number | undefined = undefined
  #confirmed: number | undefined = undefined
  // Where the log has no milestones, packets tell.
  readonly #firstOneRtt: { sent: number | undefined; received: number | undefined } = {
    sent: undefined,
    received: undefined,
  }
  #rttUnit = 1
  #latest: number | undefined = undefined
  #smoothed: number | undefined = undefined
  #window: number | undefined = undefined
  #lossEvents = 0
  #lossUntil = -Infinity
  #state: string | undefined = undefined
  #stateSince = 0
  readonly #states: Record<string, number> = {}
  #probes = 0
  readonly #updates = { client: 0, server: 0 }
  #migrations = 0
  #mtu: number | undefined = undefined
  #ecn: string | undefined = undefined
  #close: SummaryClose | undefined = undefined

  /** Takes the next event. */
  add(event: QlogEvent): void {
    if (this.#events === 0) this.#first = event.time
    this.#events += 1
    this.#last = Math.max(this.#last, event.time - this.#first)
    this.#groupId ??= textOf((event as { readonly group_id?: unknown }).group_id)
    const type = quicEventType(event.name)
    if (type === undefined) return
    const time = event.time - this.#first
    const { data } = event
    const tuple = event.tuple ?? ''
    if (type === 'packet_sent') this.#onSent(packetOf(data), time, tuple)
    else if (type === 'packet_received') this.#onReceived(packetOf(data), time, tuple)
    else if (type === 'packet_lost') this.#onLost(packetOf(data), time)
    else if (type === 'packet_dropped') this.#onDropped(data)
    else if (type === 'recovery_metrics_updated') this.#onMetrics(data, time)
    else this.#onFact(type, data, time)
  }

  /** What has happened so far. `head` adds what the trace says of itself. */
  summary(head?: Partial<QlogTraceHead>): QlogSummary {
    const role = this.#role(head?.vantagePoint)
    const median = this.#rtt.median()
    const ours = role === 'server' ? this.#updates.server : this.#updates.client
    const states = { ...this.#states }
    if (this.#state !== undefined)
      states[this.#state] = (states[this.#state] ?? 0) + Math.max(0, this.#last - this.#stateSince)
    return {
      title: head?.title,
      writer: head?.writer,
      groupId: head?.groupId ?? this.#groupId,
      role,
      events: this.#events,
      duration: this.#last,
      firstTime: this.#first,
      version: this.#version,
      versionsOffered: this.#versionsOffered,
      alpn: this.#alpn,
      cipher: this.#cipher,
      localIds: this.#localIds,
      remoteIds: this.#remoteIds,
      handshakeComplete: this.#complete ?? (role === 'server' ? this.#firstOneRtt.received : this.#firstOneRtt.sent),
      handshakeConfirmed: this.#confirmed,
      sent: this.#sent.count(),
      received: this.#received.count(),
      dropped: this.#dropped.count(),
      dropReasons: this.#dropped.reasons,
      lost: this.#lost.count(),
      lossReasons: this.#lost.reasons,
      lossEvents: this.#lossEvents,
      retransmitted: { packets: this.#sentStreams.packetsAgain, bytes: this.#sentStreams.again },
      framesSent: this.#framesSent,
      framesReceived: this.#framesReceived,
      streams: Math.max(this.#sentStreams.streams, this.#receivedStreams.streams),
      streamBytesSent: this.#sentStreams.bytes,
      streamBytesReceived: this.#receivedStreams.bytes,
      streamTime: { sent: this.#sentStreams.duration, received: this.#receivedStreams.duration },
      rtt:
        median === undefined
          ? undefined
          : {
              samples: this.#rtt.count,
              least: this.#rtt.least,
              median,
              most: this.#rtt.most,
              smoothed: this.#smoothed,
            },
      congestionWindow:
        this.#window === undefined
          ? undefined
          : { least: this.#windows.least, most: this.#windows.most, last: this.#window },
      bytesInFlight: this.#flights.count === 0 ? undefined : { most: this.#flights.most },
      congestionStates: states,
      ptoProbes: this.#probes,
      keyUpdates: ours,
      paths: this.#paths.all(),
      migrations: this.#migrations,
      mtu: this.#mtu,
      ecn: this.#ecn,
      close: this.#close,
      notes: [...this.#notes],
      series: {
        congestionWindow: this.#series.congestionWindow.points(),
        bytesInFlight: this.#series.bytesInFlight.points(),
        rtt: this.#series.rtt.points(),
        smoothedRtt: this.#series.smoothedRtt.points(),
        losses: this.#series.losses.points(),
      },
    }
  }

  #role(told: QlogTraceHead['vantagePoint'] | undefined): QlogSummary['role'] {
    if (told !== undefined && told !== 'unknown') return told
    if (this.#firstPacket === undefined) return 'unknown'
    return this.#firstPacket === 'sent' ? 'client' : 'server'
  }

  // ── Packets ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #onSent(packet: QlogPacket, time: number, tuple: string): void {
    this.#firstPacket ??= 'sent'
    this.#sent.add(packet.size)
    this.#sizes.add(packet)
    this.#sentStreams.add(packet, time)
    const path = this.#paths.of(tuple)
    if (path !== undefined) path.packetsSent += 1
    if (packet.trigger?.startsWith('pto') === true) this.#probes += 1
    addId(this.#localIds, packet.header['scid'])
    addId(this.#remoteIds, packet.header['dcid'])
    this.#onPacket(packet, time, 'sent')
  }

  #onReceived(packet: QlogPacket, time: number, tuple: string): void {
    this.#firstPacket ??= 'received'
    this.#received.add(packet.size)
    this.#receivedStreams.add(packet, time)
    const path = this.#paths.of(tuple)
    if (path !== undefined) path.packetsReceived += 1
    addId(this.#localIds, packet.header['dcid'])
    addId(this.#remoteIds, packet.header['scid'])
    this.#onPacket(packet, time, 'received')
  }

  #onPacket({ frames, header, type }: QlogPacket, time: number, direction: 'sent' | 'received'): void {
    const counts = direction === 'sent' ? this.#framesSent : this.#framesReceived
    if (this.#version === undefined && type !== 'version_negotiation') this.#version = versionOf(header['version'])
    if (type === '1RTT') this.#firstOneRtt[direction] ??= time
    for (const frame of frames) {
      increment(counts, frame.type)
      if (frame.type === 'connection_close') this.#onCloseFrame(frame.raw, time, direction)
      else if (frame.type === 'handshake_done') this.#confirmed ??= time
    }
  }

  #onLost(packet: QlogPacket, time: number): void {
    this.#lost.add(this.#sizes.take(packet), packet.trigger)
    this.#series.losses.add(time, 1)
    if (time > this.#lossUntil) {
      this.#lossEvents += 1
      this.#lossUntil = time + (this.#smoothed ?? 0)
    }
  }

  #onDropped(data: QlogObject): void {
    const { size, trigger } = packetOf(data)
    this.#dropped.add(size, textOf(objectOf(data['details'])['reason']) ?? trigger ?? 'unknown')
  }

  // ── Recovery ──────────────────────────────────────────────────────────────────────────────────────────────────────

  #onMetrics(data: QlogObject, time: number): void {
    const metrics = metricsOf(data)
    // Before the first packet comes there are guesses alone. One stack writes them, and all round trips, in seconds.
    if (metrics.smoothedRtt === RTT_SECONDS && metrics.rttVariance === RTT_SECONDS / 2 && this.#rtt.count === 0) {
      this.#rttUnit = 1000
      this.#notes.add('Round trips are taken as seconds: the log begins with 0.333, which is 333 ms')
    }
    if (this.#received.packets > 0) this.#onRtt(metrics.latestRtt, metrics.smoothedRtt, time)
    const { bytesInFlight, congestionWindow } = metrics
    if (congestionWindow !== undefined) {
      this.#window = congestionWindow
      this.#windows.add(congestionWindow)
      this.#series.congestionWindow.add(time, congestionWindow)
    }
    if (bytesInFlight === undefined) return
    this.#flights.add(bytesInFlight)
    this.#series.bytesInFlight.add(time, bytesInFlight)
  }

  #onRtt(latest: number | undefined, smoothed: number | undefined, time: number): void {
    const unit = this.#rttUnit
    // Some stacks repeat the latest sample in every event.
    const isNews = latest !== this.#latest || (smoothed !== undefined && smoothed * unit !== this.#smoothed)
    this.#latest = latest ?? this.#latest
    if (latest !== undefined && latest > 0 && isNews) {
      this.#rtt.add(latest * unit)
      this.#series.rtt.add(time, latest * unit)
    }
    if (smoothed === undefined) return
    this.#smoothed = smoothed * unit
    this.#series.smoothedRtt.add(time, smoothed * unit)
  }

  // ── Everything else ───────────────────────────────────────────────────────────────────────────────────────────────

  #onFact(type: string, data: QlogObject, time: number): void {
    switch (type) {
      case 'connection_started':
        this.#onStarted(data)
        break
      case 'version_information':
        this.#version = versionOf(data['chosen_version']) ?? this.#version
        this.#versionsOffered = versionsOf(data['client_versions'])
        break
      case 'alpn_information':
        this.#alpn = alpnOf(data['chosen_alpn']) ?? this.#alpn
        break
      case 'parameters_set':
        this.#cipher = textOf(data['tls_cipher']) ?? this.#cipher
        break
      case 'connection_state_updated':
        this.#onState(textOf(data['new'] ?? data['state']), time)
        break
      case 'connection_closed':
        this.#onClosed(data, time)
        break
      case 'congestion_state_updated':
        this.#onCongestionState(textOf(data['new']), time)
        break
      case 'key_updated':
        this.#onKey(data)
        break
      case 'migration_state_updated':
        if (/complete/.test(textOf(data['new']) ?? '')) this.#migrations += 1
        break
      case 'tuple_assigned':
        this.#onTuple(data)
        break
      case 'mtu_updated':
        this.#mtu = numberOf(data['new'] ?? data['mtu']) ?? this.#mtu
        break
      case 'ecn_state_updated':
        this.#ecn = textOf(data['new']) ?? this.#ecn
        break
    }
  }

  #onStarted(data: QlogObject): void {
    const path = this.#paths.of('')
    if (path === undefined) return
    path.local = addressOf(data['local']) ?? addressOf(data, 'src')
    path.remote = addressOf(data['remote']) ?? addressOf(data, 'dst')
  }

  #onTuple(data: QlogObject): void {
    const path = this.#paths.of(textOf(data['tuple_id'] ?? data['path_id']) ?? '')
    if (path === undefined) return
    path.local = addressOf(data['tuple_local'] ?? data['path_local']) ?? path.local
    path.remote = addressOf(data['tuple_remote'] ?? data['path_remote']) ?? path.remote
  }

  #onState(state: string | undefined, time: number): void {
    // 0.3 had two names for the first of them.
    if (state === 'handshake_complete' || state === 'handshake_completed') this.#complete ??= time
    else if (state === 'handshake_confirmed') this.#confirmed ??= time
  }

  #onCongestionState(state: string | undefined, time: number): void {
    if (this.#state !== undefined) {
      this.#states[this.#state] = (this.#states[this.#state] ?? 0) + Math.max(0, time - this.#stateSince)
    }
    this.#state = state
    this.#stateSince = time
  }

  #onKey(data: QlogObject): void {
    const [, sender] = /^(client|server)_1rtt/i.exec(textOf(data['key_type']) ?? '') ?? []
    const trigger = textOf(data['trigger'])
    const generation = numberOf(data['key_phase'] ?? data['generation'])
    if ((sender !== 'client' && sender !== 'server') || trigger === 'tls' || generation === 0) return
    if (trigger !== undefined || generation !== undefined) this.#updates[sender] += 1
  }

  #onClosed(data: QlogObject, time: number): void {
    const error = textOf(data['connection_error'] ?? data['connection_code'] ?? data['application_error'])
    this.#close = {
      time,
      initiator: initiatorOf(data['initiator'] ?? data['owner']),
      cause: textOf(data['trigger']) ?? (error === 'unknown' ? undefined : error),
      code: codeOf(data['error_code'] ?? data['application_code'] ?? data['connection_code'] ?? error),
      reason: textOf(data['reason']),
    }
  }

  #onCloseFrame(frame: QlogObject, time: number, direction: 'sent' | 'received'): void {
    const error = textOf(frame['error'])
    this.#close ??= {
      time,
      initiator: direction === 'sent' ? 'local' : 'remote',
      cause: textOf(frame['error_space']),
      code: codeOf(frame['error_code'] ?? frame['raw_error_code'] ?? error),
      reason: textOf(frame['reason'] ?? frame['reason_phrase']),
    }
  }
}

function versionsOf(value: unknown): number[] {
  return listOf(value)
    .map(versionOf)
    .filter((version) => version !== undefined)
    .slice(0, 16)
}

/** A text once, and an object now. */
function alpnOf(value: unknown): string | undefined {
  return textOf(value) ?? textOf(objectOf(value)['string_value'])
}

function initiatorOf(value: unknown): 'local' | 'remote' | undefined {
  return value === 'local' || value === 'remote' ? value : undefined
}

function codeOf(value: unknown): number | string | undefined {
  return typeof value === 'number' ? value : textOf(value)
}
