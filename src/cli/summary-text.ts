/** The summary of a trace as people read it. */
import type { QlogSummary, SummaryClose } from '../qlog/summary-types.ts'
import type { Look } from './paint.ts'
import { formatMs } from './plot.ts'
import { formatBytes } from './progress.ts'

const LABEL = 12

/** Lines with a name each. */
export function summaryLines(summary: QlogSummary, look: Look): string[] {
  const rows: (readonly [name: string, words: string | undefined])[] = [
    ['connection', listOf(versionText(summary.version), prefixed('ALPN ', summary.alpn), summary.cipher)],
    ...pathRows(summary),
    ['ids', listOf(prefixed('ours ', idsText(summary.localIds)), prefixed('theirs ', idsText(summary.remoteIds)))],
    ['duration', durationText(summary)],
    ['sent', trafficText(summary.sent, summary.streamBytesSent)],
    ['received', trafficText(summary.received, summary.streamBytesReceived)],
    ['rate', rateText(summary)],
    ['lost', lossText(summary)],
    ['sent again', againText(summary)],
    ['dropped', droppedText(summary)],
    ['RTT', rttText(summary)],
    ['window', windowText(summary)],
    ['states', statesText(summary)],
    ['keys', summary.keyUpdates === 0 ? undefined : `updated ${times(summary.keyUpdates)}`],
    ['path', listOf(prefixed('MTU ', summary.mtu), prefixed('ECN ', summary.ecn), migrationText(summary))],
    ['end', summary.close === undefined ? 'the log tells of no close' : closeText(summary.close)],
    ...summary.notes.map((note) => ['note', note] as const),
  ]
  return rows.flatMap(([name, words]) => (words === undefined || words === '' ? [] : wrapped(name, words, look)))
}

/** Who wrote the trace, and of which connection. */
export function headline(summary: QlogSummary, fileTitle: string | undefined, look: Look): string {
  const writer = summary.writer ?? fileTitle ?? summary.title
  const parts = [summary.role === 'unknown' ? 'a trace' : `a ${summary.role}`, writer, summary.groupId]
  return look.paint(
    parts.filter((part) => part !== undefined && part !== '').join(look.isAscii ? ' - ' : ' · '),
    'strong',
  )
}

/** `words` behind `name`, in as many lines as they take. */
function wrapped(name: string, words: string, look: Look): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of words.split(' ')) {
    if (line !== '' && line.length + word.length + 1 > look.width - LABEL - 2) {
      lines.push(line)
      line = ''
    }
    line += line === '' ? word : ` ${word}`
  }
  lines.push(line)
  return lines.map((each, index) => `  ${look.paint((index === 0 ? name : '').padEnd(LABEL), 'faint')}${each}`)
}

function pathRows({ paths }: QlogSummary): (readonly [string, string | undefined])[] {
  const isAlone = paths.length <= 1
  return paths.map(({ id, local, packetsReceived, packetsSent, remote }) => {
    if (local === undefined && remote === undefined) return [isAlone ? 'path' : `path ${id}`, undefined] as const
    const ends = `${local ?? '?'} to ${remote ?? '?'}`
    const name = isAlone ? 'addresses' : `path ${id === '' ? '0' : id}`
    return [
      name,
      isAlone ? ends : `${ends}, ${count(packetsSent, 'packet')} sent, ${packetsReceived} received`,
    ] as const
  })
}

function durationText(summary: QlogSummary): string {
  const { duration, events, handshakeComplete, handshakeConfirmed } = summary
  return listOf(
    `${formatMs(duration)}, ${count(events, 'event')}`,
    prefixed('handshake complete at ', handshakeComplete === undefined ? undefined : formatMs(handshakeComplete)),
    prefixed('confirmed at ', handshakeConfirmed === undefined ? undefined : formatMs(handshakeConfirmed)),
  )
}

function trafficText({ bytes, packets }: QlogSummary['sent'], streamBytes: number): string {
  const size = bytes === 0 ? undefined : formatBytes(bytes)
  return listOf(
    count(packets, 'packet'),
    size,
    streamBytes === 0 ? undefined : `${formatBytes(streamBytes)} of streams`,
  )
}

/** Stream bytes by time, of the direction in which more of them went; of so few that they took no time, none. */
function rateText({ streamBytesReceived, streamBytesSent, streamTime }: QlogSummary): string | undefined {
  const isSent = streamBytesSent >= streamBytesReceived
  const bytes = isSent ? streamBytesSent : streamBytesReceived
  const time = isSent ? streamTime.sent : streamTime.received
  if (bytes < 10_000 || time <= 0) return undefined
  const bits = (bytes * 8000) / time
  const shown =
    bits >= 1e6 ? `${(bits / 1e6).toFixed(bits >= 1e7 ? 1 : 2)} Mbit/s` : `${(bits / 1e3).toFixed(1)} kbit/s`
  return `${shown} of stream bytes ${isSent ? 'sent' : 'received'}, from the first to the last, in ${formatMs(time)}`
}

function lossText(summary: QlogSummary): string {
  const { lost, lossEvents, lossReasons, sent } = summary
  if (lost.packets === 0) return 'nothing'
  const share = sent.packets === 0 ? '' : ` (${((lost.packets / sent.packets) * 100).toFixed(2)} %)`
  const size = lost.bytes === 0 ? undefined : formatBytes(lost.bytes)
  return listOf(
    `${count(lost.packets, 'packet')}${share}`,
    size,
    `${count(lossEvents, 'loss event')}`,
    countsText(lossReasons),
  )
}

function againText({ ptoProbes, retransmitted }: QlogSummary): string | undefined {
  const again =
    retransmitted.packets === 0
      ? undefined
      : `${formatBytes(retransmitted.bytes)} in ${count(retransmitted.packets, 'packet')}`
  return listOf(again, ptoProbes === 0 ? undefined : count(ptoProbes, 'PTO probe'))
}

function droppedText({ dropped, dropReasons }: QlogSummary): string | undefined {
  return dropped.packets === 0 ? undefined : listOf(count(dropped.packets, 'packet'), countsText(dropReasons))
}

function rttText({ rtt }: QlogSummary): string | undefined {
  if (rtt === undefined) return undefined
  const smoothed = rtt.smoothed === undefined ? '' : `; smoothed ${formatMs(rtt.smoothed)} at the end`
  const figures = `least ${formatMs(rtt.least)}, median ${formatMs(rtt.median)}, most ${formatMs(rtt.most)}`
  return `${figures}${smoothed} (${count(rtt.samples, 'sample')})`
}

function windowText({ bytesInFlight, congestionWindow }: QlogSummary): string | undefined {
  const window =
    congestionWindow === undefined
      ? undefined
      : `${formatBytes(congestionWindow.least)} to ${formatBytes(congestionWindow.most)}, ${formatBytes(congestionWindow.last)} at the end`
  return listOf(
    window,
    bytesInFlight === undefined ? undefined : `${formatBytes(bytesInFlight.most)} in flight at most`,
  )
}

function statesText({ congestionStates }: QlogSummary): string | undefined {
  const states = Object.entries(congestionStates)
  const sum = states.reduce((total, [, ms]) => total + ms, 0)
  if (sum <= 0) return undefined
  return states
    .toSorted(([, a], [, b]) => b - a)
    .map(([state, ms]) => `${state.replaceAll('_', ' ')} ${((ms / sum) * 100).toFixed(0)} %`)
    .join(', ')
}

function migrationText({ migrations }: QlogSummary): string | undefined {
  return migrations === 0 ? undefined : `moved ${times(migrations)}`
}

function closeText({ cause, code, initiator, reason, time }: SummaryClose): string {
  const who = initiator === 'local' ? 'by us' : initiator === 'remote' ? 'by the peer' : 'without a word'
  const why = [cause?.replaceAll('_', ' '), code === undefined || code === cause ? undefined : `code ${code}`]
  const said = why.filter((part) => part !== undefined).join(', ')
  const quoted = reason === undefined || reason === '' ? '' : ` ${JSON.stringify(reason.slice(0, 120))}`
  return `at ${formatMs(time)}, ${who}${said === '' ? '' : `: ${said}`}${quoted}`
}

function versionText(version: number | undefined): string | undefined {
  if (version === undefined) return undefined
  if (version === 1) return 'QUIC v1'
  return version === 0x6b3343cf ? 'QUIC v2' : `QUIC 0x${version.toString(16).padStart(8, '0')}`
}

const SHOWN_IDS = 3

function idsText(ids: readonly string[]): string | undefined {
  if (ids.length === 0) return undefined
  const more = ids.length > SHOWN_IDS ? ` and ${ids.length - SHOWN_IDS} more` : ''
  return `${ids.slice(0, SHOWN_IDS).join(' ')}${more}`
}

function countsText(counts: Readonly<Record<string, number>>): string | undefined {
  const entries = Object.entries(counts).toSorted(([, a], [, b]) => b - a)
  if (entries.length === 0) return undefined
  return entries.map(([kind, number]) => `${kind.replaceAll('_', ' ')} ${number}`).join(', ')
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}

function times(number: number): string {
  return number === 1 ? 'once' : `${number} times`
}

function prefixed(prefix: string, value: string | number | undefined): string | undefined {
  return value === undefined ? undefined : `${prefix}${value}`
}

/** What is known of some, with commas between. */
function listOf(...parts: readonly (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined && part !== '').join(', ')
}
