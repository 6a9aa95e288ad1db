/** What must have been seen for a case of HTTP/3 or WebTransport to count, beyond the files. */
import type { Reported } from '../processes.ts'
import type { Http3CellOptions } from './cell.ts'
import type { Http3Facts } from './facts.ts'
import { CLOSES, ERRORS } from './session-cases.ts'

/** What a judgement rests on. */
export interface Evidence {
  /** `undefined` where there is no tshark. */
  readonly facts: Http3Facts | undefined
  readonly reports: readonly Reported[]
  /** Datagrams of the client before it was answered. */
  readonly askedFirst: number
}

/** What came of it. */
export interface Verdict {
  readonly failure?: string | undefined
  readonly note?: string | undefined
}

/** The most streams that a server of the case `multiplexing` allows at first. */
const MOST_STREAMS = 1000

/** Judges a cell whose files came. */
export function judgeHttp3(options: Http3CellOptions, evidence: Evidence): Verdict {
  const { facts, reports } = evidence
  if (options.client.isBrowser === true && options.plan.endpoints === undefined) {
    const failure = judgePage(reports)
    if (failure !== undefined) return { failure }
  }
  const { connections = 1 } = facts ?? {}
  // A server of one session for each connection has two where there are two sessions.
  if (connections !== 1 && options.case !== 'wt-closes') return { failure: `There were ${connections} connections` }
  switch (options.case) {
    case 'longrtt':
      return evidence.askedFirst > 1 ? {} : { failure: 'The client did not ask again before it was answered' }
    case 'multiplexing': {
      const limit = facts?.streamLimit ?? 0
      return limit <= MOST_STREAMS ? {} : { failure: `The server allows ${limit} streams at first` }
    }
    case 'qpack':
      return facts === undefined ? {} : judgeQpack(options, facts)
    case 'wt-datagram-receive':
    case 'wt-datagram-send':
      if (facts === undefined || (facts.datagrams.client > 0 && facts.datagrams.server > 0)) return {}
      return { failure: 'There were no DATAGRAM frames in one of the directions' }
    case 'wt-closes':
      return { failure: judgeCloses(reports) }
    case 'wt-errors':
      return { failure: judgeErrors(options, reports) }
    default:
      return {}
  }
}

/** A browser says what its page, and all that it fetched, came over. */
function judgePage(reports: readonly Reported[]): string | undefined {
  const page = reports.find(({ event }) => event === 'page')?.['protocol']
  if (page !== 'h3') return `The page came over ${String(page)}`
  const fetched = reports.find(({ event }) => event === 'fetched')?.['protocols']
  return JSON.stringify(fetched) === '["h3"]' ? undefined : `The files came over ${JSON.stringify(fetched)}`
}

/**
 * Each side's encoder must have inserted something that the other side's decoder acknowledged a use of, if the encoder has a
 * dynamic table and the decoder allows it one (RFC 9204 §3.2.3, §4.4.1).
 */
function judgeQpack({ client, server }: Http3CellOptions, facts: Http3Facts): Verdict {
  const notes: string[] = []
  for (const [from, to] of [
    ['client', 'server'],
    ['server', 'client'],
  ] as const) {
    const capacity = facts[to].settings.get(0x01) ?? 0
    const { inserts } = facts[from]
    const { acknowledged } = facts[to]
    const isStatic = (from === 'client' ? client : server).staticEncoder?.includes(from) === true
    const who = `the ${from}'s table: ${inserts} inserted, ${acknowledged} sections`
    notes.push(capacity === 0 ? `the ${to} allows the ${from} no table` : isStatic ? `the ${from} uses no table` : who)
    if (capacity > 0 && !isStatic && (inserts === 0 || acknowledged === 0)) return { failure: `Of ${who}` }
  }
  return { note: notes.join('; ') }
}

function judgeCloses(reports: readonly Reported[]): string | undefined {
  for (const [endpoint, { closeCode, reason }] of Object.entries(CLOSES)) {
    const seen = reports.find((each) => each.event === 'session-closed' && each['endpoint'] === endpoint)
    if (seen === undefined) return `Nobody saw the session ${endpoint} closed`
    if (seen['closeCode'] !== closeCode || seen['reason'] !== reason) {
      return `The session ${endpoint} was closed with ${seen['closeCode']} "${seen['reason']}"`
    }
  }
  return undefined
}

/** Each side was told the codes with which the other ended both halves of a stream. */
function judgeErrors({ client }: Http3CellOptions, reports: readonly Reported[]): string | undefined {
  const seen = reports.filter(({ event }) => event === 'stream-ended')
  const { clientResets, clientStops, serverResets, serverStops } = ERRORS
  const isSeen = (reset: number | undefined, stopped: number | string | undefined): boolean =>
    seen.some((each) => (reset ?? each['reset']) === each['reset'] && (stopped ?? each['stopped']) === each['stopped'])
  const { isMuteOfCodes, insteadOfStopCode } = client
  if (!isSeen(clientResets, isMuteOfCodes ? undefined : clientStops)) {
    return `No stream was reset with ${clientResets} and stopped with ${clientStops}, but ${JSON.stringify(seen)}`
  }
  const reset = isMuteOfCodes ? undefined : serverResets
  if (isSeen(reset, serverStops) || (insteadOfStopCode !== undefined && isSeen(reset, insteadOfStopCode)))
    return undefined
  return `No stream was reset with ${serverResets} and stopped with ${serverStops}, but ${JSON.stringify(seen)}`
}
