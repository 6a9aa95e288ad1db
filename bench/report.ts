/** What the rounds came to, as tables. */
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type End, type Handshakes, type Profiles, packetsOf, type Transfer } from './measure.ts'
import { byCategory, type FunctionTime, isIdle, merge } from './profile.ts'
import { type PeerProgram, ROOT } from './programs.ts'
import type { Grid } from './section.ts'
import { ratio, short, show } from './statistics.ts'

/** All rounds of one stack. */
export interface Results {
  readonly program: PeerProgram
  readonly transfers: Transfer[]
  readonly handshakes: Handshakes[]
}

/** Streams of a connection that share a transfer, beside one alone. */
export const MANY = 100

/** The dearest functions that are shown. */
const FUNCTIONS = 10

/** Categories below this part of the time are left out. */
const LEAST = 0.002

/** MB/s. */
export function goodput(results: Results, direction: Transfer['direction'], streams: number): number[] {
  return results.transfers
    .filter((transfer) => transfer.direction === direction && transfer.streams === streams)
    .map(({ bytes, milliseconds }) => bytes / milliseconds / 1000)
}

/** Per second. */
export function handshakeRates(results: Results): number[] {
  return results.handshakes.map(({ count, milliseconds }) => (count / milliseconds) * 1000)
}

/** µs of CPU for each packet that the sender sent, at one end. */
export function cpuPerPacket(results: Results, end: (transfer: Transfer) => End): number[] {
  return results.transfers.flatMap((transfer) => {
    const packets = packetsOf(transfer)
    return packets === undefined ? [] : [end(transfer).cpu / packets]
  })
}

/** The part of the sender's CPU time that the garbage collector took. */
export function collectorShare(results: Results): number[] {
  return results.transfers.flatMap(({ sender, streams }) =>
    sender.collector === undefined || streams > 1 ? [] : [sender.collector / sender.cpu],
  )
}

/** ms of CPU for each MB, at both ends. */
export function cpuPerMegabyte(results: Results): number[] {
  return results.transfers.map(({ bytes, sender, receiver }) => ((sender.cpu + receiver.cpu) / bytes) * 1000)
}

/** MB/s that the CPU time of the dearer end allows: goodput with a core for each end, whatever else the machine does. */
export function cpuCeiling(results: Results): number[] {
  return results.transfers.map(({ bytes, sender, receiver }) => bytes / Math.max(sender.cpu, receiver.cpu))
}

/** ms of CPU for each handshake, at both ends. */
export function cpuPerHandshake(results: Results): number[] {
  return results.handshakes.map(({ cpu, count }) => cpu / count / 1000)
}

/** The stacks beside each other; the first is the measure of the others. */
export function comparison(all: readonly Results[]): Grid {
  const [base] = all
  if (base === undefined) return []
  const columns: readonly [title: string, values: (results: Results) => number[]][] = [
    ['1 stream, download MB/s', (results) => goodput(results, 'download', 1)],
    ['upload MB/s', (results) => goodput(results, 'upload', 1)],
    [`${MANY} streams, download MB/s`, (results) => goodput(results, 'download', MANY)],
    ['upload MB/s', (results) => goodput(results, 'upload', MANY)],
  ]
  const rows = all.map((results) => [
    results.program.name,
    ...columns.flatMap(([, values]) => [show(values(results)), ratio(values(results), values(base))]),
  ])
  return [['', ...columns.flatMap(([title]) => [title, ''])], ...rows]
}

/** Handshakes of those who are asked for them, both ends in processes of their own. */
export function handshakes(all: readonly Results[]): Grid {
  const some = all.filter(({ program }) => program.hasHandshakes !== false)
  const [base] = some
  if (base === undefined) return []
  const rows = some.map((results) => [
    results.program.name,
    show(handshakeRates(results)),
    ratio(handshakeRates(results), handshakeRates(base)),
    show(cpuPerHandshake(results)),
  ])
  return [['', 'handshakes/s', '', 'ms of CPU, both ends'], ...rows]
}

/** What it costs, for each packet, megabyte and handshake; and how much the dearer end moves in a second of CPU time. */
export function costs(all: readonly Results[]): Grid {
  const rows = all.map((results) => {
    const isEstimate = results.transfers.some(({ sender }) => sender.counters['packetsSent'] === undefined)
    const perPacket = (end: (transfer: Transfer) => End): string => {
      const text = show(cpuPerPacket(results, end))
      return isEstimate && text !== '–' ? `≈ ${text}` : text
    }
    return [
      results.program.name,
      perPacket(({ sender }) => sender),
      perPacket(({ receiver }) => receiver),
      show(cpuPerMegabyte(results)),
      show(cpuCeiling(results)),
      show(collectorShare(results).map((part) => part * 100)),
    ]
  })
  const head = [
    'CPU time',
    'sender µs/packet',
    'receiver µs/packet',
    'both ms/MB',
    'MB a CPU second',
    'sender in GC, %',
  ]
  return [head, ...rows]
}

/** How large isoquic's batches are. */
export function batches({ transfers }: Results): Grid {
  const sum = (end: (transfer: Transfer) => End, key: string): number =>
    transfers.reduce((total, transfer) => total + (end(transfer).counters[key] ?? 0), 0)
  const sender = ({ sender: end }: Transfer): End => end
  const receiver = ({ receiver: end }: Transfer): End => end
  const last = transfers.at(-1)?.sender.counters ?? {}
  return [
    ['isoquic', '', ''],
    ['packets per seal', short(sum(sender, 'sealedPackets') / sum(sender, 'seals')), 'at the sender'],
    ['packets per open', short(sum(receiver, 'openedPackets') / sum(receiver, 'opens')), 'at the receiver'],
    ['packets per ACK', short(sum(receiver, 'packetsReceived') / sum(receiver, 'acksSent')), 'at the receiver'],
    [
      'packets',
      `${sum(sender, 'packetsSent')} sent`,
      `${sum(sender, 'packetsLost')} lost, ${last['mtu']} bytes at most`,
    ],
    ['RTT', `${short(last['smoothedRtt'] ?? 0)} ms`, `least ${short(last['minRtt'] ?? 0)} ms`],
    ['congestion window', `${short((last['congestionWindow'] ?? 0) / 1e6)} MB`, 'at the end'],
  ]
}

/** One end of what was profiled. */
export interface ProfiledEnd {
  /** Such as `sender`. */
  readonly name: string
  /** What was counted: `packet`, say. */
  readonly unit: string
  readonly times: readonly FunctionTime[]
  /** µs of CPU for each unit. */
  readonly cpu: number
}

/**
 * Where the time of both ends went, in percent of what the main thread was not idle, and as that part of the CPU time of a
 * packet: on a busy machine a sample may find a function that waits for a core.
 */
export function whereTheTimeGoes(profiles: readonly Profiles[]): Grid[] {
  const packets = profiles.reduce((sum, { transfer }) => sum + (packetsOf(transfer) ?? 0), 0)
  const ends = (['sender', 'receiver'] as const).map((end): ProfiledEnd => {
    const cpu = profiles.reduce((sum, { transfer }) => sum + transfer[end].cpu, 0)
    return { name: end, unit: 'packet', times: merge(profiles.map((profile) => profile[end])), cpu: cpu / packets }
  })
  return timesOf(ends)
}

/** The same of any two ends. */
export function timesOf(ends: readonly ProfiledEnd[]): Grid[] {
  const busy = ends.map((end): BusyEnd => {
    const times = end.times.filter((time) => !isIdle(time))
    return { ...end, times, total: times.reduce((sum, time) => sum + time.microseconds, 0) }
  })
  return [categories(busy), ...busy.map(dearest)]
}

interface BusyEnd extends ProfiledEnd {
  /** Self time of all functions together, µs on the clock. */
  readonly total: number
}

function cells(microseconds: number, { total, cpu }: BusyEnd): string[] {
  const part = microseconds / total
  return [`${(part * 100).toFixed(1)} %`, short(part * cpu)]
}

function categories(ends: readonly BusyEnd[]): Grid {
  const sums = ends.map((end) => ({ end, sums: new Map(byCategory(end.times)) }))
  const part = (name: string): number => Math.max(...sums.map((each) => (each.sums.get(name) ?? 0) / each.end.total))
  const rows = [...new Set(sums.flatMap((each) => [...each.sums.keys()]))]
    .filter((name) => part(name) >= LEAST)
    .sort((a, b) => part(b) - part(a))
    .map((name) => [name, ...sums.flatMap((each) => cells(each.sums.get(name) ?? 0, each.end))])
  const head = ['where the time goes', ...ends.flatMap(({ name, unit }) => [name, `µs/${unit}`])]
  return [head, ...rows, ['together', ...ends.flatMap((end) => cells(end.total, end))]]
}

function dearest(end: BusyEnd): Grid {
  const rows = end.times
    .slice(0, FUNCTIONS)
    .map((time) => [`${time.name} ${place(time)}`.trim(), ...cells(time.microseconds, end)])
  return [[`the ${end.name}'s dearest functions`, 'self', `µs/${end.unit}`], ...rows]
}

function place({ url, line }: FunctionTime): string {
  const path = url.startsWith('file:') ? relative(ROOT, fileURLToPath(url)) : url
  return line > 0 ? `${path}:${line}` : path
}
