/**
 * Which draft of WebTransport over HTTP/3 a connection speaks (draft-ietf-webtrans-http3 §3.1, §7.1): what each side puts
 * into its SETTINGS, what is made of the peer's, and the words of CONNECT that differ.
 *
 * Each draft has a setting of its own, and the newest that both sides sent counts: -02 (Firefox, Chromium, aioquic), -07
 * (Chromium), -14 (Safari), and -15 on, which share one (webtransport-go).
 */
import type { Duration } from '../base/time.ts'
import { Http3Error, Http3ErrorCode } from '../http3/error.ts'
import type { Field } from '../http3/field.ts'
import { SettingId, type Settings } from '../http3/settings.ts'
import type { Role } from '../wire/stream-id.ts'
import type { TransportParameters } from '../wire/transport-parameters.ts'

/** A draft; 15 stands for -15, -16 and those after. */
export type WebTransportDraft = 2 | 7 | 14 | 15

/** Settings of WebTransport. */
export const WebTransportSettingId = {
  /** Draft -02: ENABLE_WEBTRANSPORT. */
  enableWebTransport: 0x2b603742,
  /** Draft -07: WEBTRANSPORT_MAX_SESSIONS. */
  maxSessions07: 0xc671706a,
  /** Draft -14: WT_MAX_SESSIONS. */
  maxSessions14: 0x14e9cd29,
  /** Drafts -15 on. */
  wtEnabled: 0x2c7cf000,
  wtInitialMaxData: 0x2b61,
  wtInitialMaxStreamsUni: 0x2b64,
  wtInitialMaxStreamsBidi: 0x2b65,
} as const

/** What one side of a connection makes of WebTransport. All may be left out. */
export interface WebTransportSettings {
  /** Those that are offered. Default: all. */
  readonly drafts?: readonly WebTransportDraft[] | undefined
  /** Server: sessions at a time; more are reset with H3_REQUEST_REJECTED. Default 100. */
  readonly maxSessions?: number | undefined
  /** Streams that wait for sessions that are not open yet; more are turned away. Default 64. */
  readonly maxBufferedStreams?: number | undefined
  /** Datagrams that wait for a session that is not open yet; more are dropped. Default 64. */
  readonly maxBufferedDatagrams?: number | undefined
  /** ms that a stream waits for a session of which nothing was heard. Default 5,000. */
  readonly bufferTimeout?: Duration | undefined
  /** ms that the other side has to end a CONNECT stream after the session has ended here. Default 5,000. */
  readonly closeTimeout?: Duration | undefined
  /** Bytes that the peer may send on all streams of a session beyond those that were read (drafts -14 on). Default 16 MiB. */
  readonly initialMaxData?: number | undefined
  /** Bidirectional streams that the peer may have open in a session (drafts -14 on). Default 100. */
  readonly initialMaxStreamsBidi?: number | undefined
  /** Unidirectional streams that the peer may have open in a session (drafts -14 on). Default 100. */
  readonly initialMaxStreamsUni?: number | undefined
  /**
   * Whether drafts -14 on are out of the question with a peer without the transport parameter reset_stream_at, as they say.
   * Default `false`: the peers that there are announce it under code points of before, and a plain RESET_STREAM serves them.
   */
  readonly requiresResetStreamAt?: boolean | undefined
}

/** {@link WebTransportSettings} with nothing left out. */
export type WebTransportConfig = { readonly [K in keyof WebTransportSettings]-?: NonNullable<WebTransportSettings[K]> }

const DEFAULTS: WebTransportConfig = {
  drafts: [15, 14, 7, 2],
  maxSessions: 100,
  maxBufferedStreams: 64,
  maxBufferedDatagrams: 64,
  bufferTimeout: 5000,
  closeTimeout: 5000,
  initialMaxData: 16_777_216,
  initialMaxStreamsBidi: 100,
  initialMaxStreamsUni: 100,
  requiresResetStreamAt: false,
}

/** 2^60: no more streams can be numbered (RFC 9000 §4.6). */
export const MAX_STREAMS: number = 2 ** 60

/**
 * The settings with their defaults.
 * @throws TypeError for an unknown name or draft, or a value of the wrong type; RangeError for one out of bounds.
 */
export function webTransportConfig(settings: WebTransportSettings): WebTransportConfig {
  const config: Record<string, unknown> = { ...DEFAULTS }
  for (const [key, value] of Object.entries(settings)) {
    if (!Object.hasOwn(DEFAULTS, key)) throw new TypeError(`Unknown setting of WebTransport ${key}`)
    if (value === undefined) continue
    if (key === 'drafts') checkDrafts(value)
    else if (key === 'requiresResetStreamAt') {
      if (typeof value !== 'boolean') throw new TypeError(`${key} must be a boolean, got ${String(value)}`)
    } else checkCount(key, value)
    config[key] = value
  }
  return config as unknown as WebTransportConfig
}

function checkDrafts(value: unknown): void {
  if (!Array.isArray(value) || value.length === 0) {
    throw new TypeError(`drafts must be an array that names at least one, got ${String(value)}`)
  }
  for (const draft of value) {
    if (!DEFAULTS.drafts.includes(draft)) throw new TypeError(`drafts must be of 2, 7, 14 and 15, got ${String(draft)}`)
  }
}

function checkCount(key: string, value: unknown): void {
  if (typeof value !== 'number') throw new TypeError(`${key} must be a number, got ${String(value)}`)
  const least = key === 'maxSessions' ? 1 : 0
  const most = key === 'maxSessions' ? 0xffff_ffff : Number.MAX_SAFE_INTEGER
  if (!(Number.isInteger(value) && value >= least && value <= most)) {
    throw new RangeError(`${key} must be an integer from ${least} to ${most}, got ${value}`)
  }
}

/** What WebTransport puts into the options of an HTTP/3 connection. */
export interface WebTransportHttp3Options {
  readonly settings: readonly (readonly [id: number, value: number])[]
  readonly enableConnectProtocol: boolean
  readonly datagrams: true
  readonly sessionStreams: true
}

/**
 * What the HTTP/3 connection below is to be made with (§3.1). The QUIC connection has to take datagrams, and ought to take
 * RESET_STREAM_AT.
 */
export function webTransportHttp3Options(role: Role, settings: WebTransportSettings = {}): WebTransportHttp3Options {
  const config = webTransportConfig(settings)
  const { drafts } = config
  // Clients never receive sessions; all that counts of their value is that it is not 0 (drafts -07, -14 §3.1). And 1
  // says in -14 that nothing but the settings below asks for flow control (§5.1 there).
  const sessions = role === 'server' ? config.maxSessions : 1
  const list: (readonly [id: number, value: number])[] = []
  // Chromium and Firefox of the time of -02 look for the name that HTTP datagrams had then.
  if (drafts.includes(2)) list.push([SettingId.h3DatagramDraft04, 1], [WebTransportSettingId.enableWebTransport, 1])
  if (drafts.includes(7)) list.push([WebTransportSettingId.maxSessions07, sessions])
  if (drafts.includes(14)) list.push([WebTransportSettingId.maxSessions14, sessions])
  if (drafts.includes(15)) list.push([WebTransportSettingId.wtEnabled, 1])
  if (drafts.includes(14) || drafts.includes(15)) {
    list.push(
      [WebTransportSettingId.wtInitialMaxData, config.initialMaxData],
      [WebTransportSettingId.wtInitialMaxStreamsUni, config.initialMaxStreamsUni],
      [WebTransportSettingId.wtInitialMaxStreamsBidi, config.initialMaxStreamsBidi],
    )
  }
  return { settings: list, enableConnectProtocol: role === 'server', datagrams: true, sessionStreams: true }
}

/** What the peer lets a session of ours do at first (§5.5), and whether that counts. */
export interface SessionLimits {
  readonly maxData: number
  readonly maxStreamsBidi: number
  readonly maxStreamsUni: number
}

/** What came of the SETTINGS of both sides. */
export interface Agreement {
  /** `undefined`: there is no WebTransport on this connection. */
  readonly draft: WebTransportDraft | undefined
  /** All that both sides can use, the newest first. */
  readonly drafts: readonly WebTransportDraft[]
  /** Why there is none, as a sentence. */
  readonly problem: string | undefined
  /** Whether both sides asked for the limits of §5. */
  readonly hasFlowControl: boolean
  /** What the peer lets us do in a session at first; of use only with flow control. */
  readonly limits: SessionLimits
  /** Sessions that the peer, a server, takes at a time. */
  readonly maxSessions: number
}

/**
 * Draws the sum of our offer and the peer's SETTINGS and transport parameters.
 * @throws Http3Error H3_SETTINGS_ERROR for a setting with a value that it cannot have.
 */
export function negotiate(
  config: WebTransportConfig,
  role: Role,
  peer: Settings,
  parameters: Pick<TransportParameters, 'maxDatagramFrameSize' | 'resetStreamAt'>,
): Agreement {
  checkSwitches(peer, role)
  const missing = missingOf(config, role, peer, parameters)
  const offered = config.drafts.filter((draft) => offerOf(peer, draft) > 0).sort((a, b) => b - a)
  const drafts = offered.filter((draft) => missing(draft) === undefined)
  const [draft] = drafts
  const [first] = offered
  const problem = first === undefined ? 'The peer speaks no draft of WebTransport that is spoken here' : missing(first)
  return {
    draft,
    drafts,
    problem: draft === undefined ? problem : undefined,
    hasFlowControl:
      draft !== undefined && draft >= 14 && asksForFlowControl(config, role, draft) && isAskedFor(peer, draft),
    limits: {
      maxData: settingOf(peer, WebTransportSettingId.wtInitialMaxData),
      maxStreamsBidi: settingOf(peer, WebTransportSettingId.wtInitialMaxStreamsBidi),
      maxStreamsUni: settingOf(peer, WebTransportSettingId.wtInitialMaxStreamsUni),
    },
    maxSessions: draft === 7 || draft === 14 ? offerOf(peer, draft) : Infinity,
  }
}

/** What a draft still wants of the peer, as a sentence; `undefined`: nothing. */
function missingOf(
  { requiresResetStreamAt }: WebTransportConfig,
  role: Role,
  peer: Settings,
  parameters: Pick<TransportParameters, 'maxDatagramFrameSize' | 'resetStreamAt'>,
): (draft: WebTransportDraft) => string | undefined {
  const hasOldDatagrams = settingOf(peer, SettingId.h3DatagramDraft04) === 1
  return (draft) => {
    if (!(peer.h3Datagram || (draft === 2 && hasOldDatagrams))) return 'The peer takes no HTTP datagrams'
    if (parameters.maxDatagramFrameSize === 0) return 'The peer takes no DATAGRAM frames'
    // Draft -02 §3.2: its setting says that as well.
    if (role === 'client' && draft !== 2 && !peer.enableConnectProtocol) return 'The peer takes no extended CONNECT'
    if (requiresResetStreamAt && draft >= 14 && !parameters.resetStreamAt) return 'The peer takes no RESET_STREAM_AT'
    return undefined
  }
}

/** Newest draft §3.1 and draft -02 §3.1: these are 0 or 1. */
function checkSwitches(peer: Settings, role: Role): void {
  const { enableWebTransport, wtEnabled } = WebTransportSettingId
  for (const id of role === 'client' ? [enableWebTransport, wtEnabled] : [enableWebTransport]) {
    const value = peer.all.get(id) ?? 0
    if (value !== 0 && value !== 1) {
      throw new Http3Error(Http3ErrorCode.H3_SETTINGS_ERROR, `Setting 0x${id.toString(16)} is ${value}, not 0 or 1`)
    }
  }
}

function offerOf(peer: Settings, draft: WebTransportDraft): number {
  const { enableWebTransport, maxSessions07, maxSessions14, wtEnabled } = WebTransportSettingId
  if (draft === 2) return settingOf(peer, enableWebTransport)
  if (draft === 7) return settingOf(peer, maxSessions07)
  return settingOf(peer, draft === 14 ? maxSessions14 : wtEnabled)
}

/** Whether what we send asks for flow control (§5.1). */
function asksForFlowControl(config: WebTransportConfig, role: Role, draft: WebTransportDraft): boolean {
  const { initialMaxData, initialMaxStreamsBidi, initialMaxStreamsUni, maxSessions } = config
  if (initialMaxData > 0 || initialMaxStreamsBidi > 0 || initialMaxStreamsUni > 0) return true
  // Draft -14 §5.1: so does an offer of several sessions.
  return draft === 14 && role === 'server' && maxSessions > 1
}

/** Whether what the peer sent does. */
function isAskedFor(peer: Settings, draft: WebTransportDraft): boolean {
  const { wtInitialMaxData, wtInitialMaxStreamsUni, wtInitialMaxStreamsBidi } = WebTransportSettingId
  const ids = [wtInitialMaxData, wtInitialMaxStreamsUni, wtInitialMaxStreamsBidi]
  return ids.some((id) => settingOf(peer, id) > 0) || (draft === 14 && offerOf(peer, draft) > 1)
}

function settingOf(peer: Settings, id: number): number {
  return Math.min(Number(peer.all.get(id) ?? 0), Number.MAX_SAFE_INTEGER)
}

/** The `:protocol` of a CONNECT request. */
export function upgradeToken(draft: WebTransportDraft): string {
  return draft === 15 ? 'webtransport-h3' : 'webtransport'
}

/** Whether a request with this `:protocol` is for WebTransport, of whichever draft. */
export function isUpgradeToken(protocol: string | undefined): boolean {
  return protocol === 'webtransport' || protocol === 'webtransport-h3'
}

/**
 * The draft that a request speaks: the newest that both sides can use and that has this token; `undefined`: there is none.
 * "webtransport" on a connection of the newest draft alone asks for the protocol of capsules (§2.1.2), which is not offered.
 */
export function draftOfToken(agreement: Agreement, protocol: string | undefined): WebTransportDraft | undefined {
  return agreement.drafts.find((draft) => upgradeToken(draft) === protocol)
}

/** The fields by which a client of draft -02 says so. */
export function draftRequestFields(draft: WebTransportDraft): readonly Field[] {
  return draft === 2 ? [{ name: 'sec-webtransport-http3-draft02', value: '1' }] : []
}

/** The fields by which a server answers it. */
export function draftResponseFields(draft: WebTransportDraft): readonly Field[] {
  return draft === 2 ? [{ name: 'sec-webtransport-http3-draft', value: 'draft02' }] : []
}
