import { expect, test } from 'vitest'
import { Http3ErrorCode } from '../http3/error.ts'
import { decodeSettings, encodeSettings, type Settings } from '../http3/settings.ts'
import {
  type Agreement,
  draftOfToken,
  draftRequestFields,
  draftResponseFields,
  isUpgradeToken,
  negotiate,
  upgradeToken,
  type WebTransportDraft,
  type WebTransportSettings,
  webTransportConfig,
  webTransportHttp3Options,
} from './negotiation.ts'

const ALL: readonly WebTransportDraft[] = [2, 7, 14, 15]
const PARAMETERS = { maxDatagramFrameSize: 65_535, resetStreamAt: true }

/** The SETTINGS of somebody, as they come. */
function settingsOf(list: Iterable<readonly [number, number]>): Settings {
  return decodeSettings(encodeSettings(list))
}

/** What our own HTTP/3 would send for these. */
function ours(role: 'client' | 'server', settings: WebTransportSettings = {}): Settings {
  const options = webTransportHttp3Options(role, settings)
  const connect: [number, number][] = options.enableConnectProtocol ? [[0x08, 1]] : []
  return settingsOf([...connect, [0x33, 1], ...options.settings])
}

function agree(client: WebTransportSettings, server: WebTransportSettings): { client: Agreement; server: Agreement } {
  return {
    client: negotiate(webTransportConfig(client), 'client', ours('server', server), PARAMETERS),
    server: negotiate(webTransportConfig(server), 'server', ours('client', client), PARAMETERS),
  }
}

//= draft-ietf-webtrans-http3#7.1-p2-1
test('the newest draft that both sides speak is spoken, and both sides think so', () => {
  for (let mine = 1; mine < 16; mine++) {
    for (let theirs = 1; theirs < 16; theirs++) {
      const drafts = (set: number) => ALL.filter((_, index) => (set >> index) & 1)
      const { client, server } = agree({ drafts: drafts(mine) }, { drafts: drafts(theirs) })
      const expected = ALL.filter((_, index) => (mine & theirs & (1 << index)) !== 0).at(-1)
      expect(client.draft).toBe(expected)
      expect(server.draft).toBe(expected)
      expect(client.problem === undefined).toBe(expected !== undefined)
    }
  }
})

//= draft-ietf-webtrans-http3#3.1-p12-1
test('the settings of each draft are those that its text names', () => {
  const server = new Map(webTransportHttp3Options('server', { maxSessions: 9 }).settings)
  expect([...server.keys()]).toEqual([0xffd277, 0x2b603742, 0xc671706a, 0x14e9cd29, 0x2c7cf000, 0x2b61, 0x2b64, 0x2b65])
  expect(server.get(0x2b603742)).toBe(1)
  expect(server.get(0xc671706a)).toBe(9)
  expect(server.get(0x14e9cd29)).toBe(9)
  expect(server.get(0x2c7cf000)).toBe(1)
  expect(webTransportHttp3Options('server', { drafts: [7] }).settings).toEqual([[0xc671706a, 100]])
  const client = webTransportHttp3Options('client', { drafts: [15, 14] })
  expect(new Map(client.settings).get(0x14e9cd29)).toBe(1)
  expect(new Map(client.settings).get(0x2c7cf000)).toBe(1)
  expect(client.enableConnectProtocol).toBe(false)
})

//= draft-ietf-webtrans-http3#3.1-p2-1
test('a switch that is neither on nor off is an error of the SETTINGS', () => {
  for (const id of [0x2c7cf000, 0x2b603742]) {
    const peer = settingsOf([[id, 2]])
    const code = Http3ErrorCode.H3_SETTINGS_ERROR
    expect(() => negotiate(webTransportConfig({}), 'client', peer, PARAMETERS)).toThrow(
      expect.objectContaining({ code }),
    )
  }
  // The number of sessions is none.
  const many = settingsOf([
    [0x08, 1],
    [0x33, 1],
    [0xc671706a, 2 ** 40],
  ])
  expect(negotiate(webTransportConfig({}), 'client', many, PARAMETERS).draft).toBe(7)
})

//= draft-ietf-webtrans-http3#3.1-p14-1
test('a server without one of the requirements is not asked for sessions', () => {
  const full: [number, number][] = [
    [0x08, 1],
    [0x33, 1],
    [0x2c7cf000, 1],
  ]
  const config = webTransportConfig({})
  expect(negotiate(config, 'client', settingsOf(full), PARAMETERS).draft).toBe(15)
  for (const [id] of full) {
    const agreement = negotiate(config, 'client', settingsOf(full.filter((each) => each[0] !== id)), PARAMETERS)
    expect(agreement.draft, `without 0x${id.toString(16)}`).toBeUndefined()
    expect(agreement.problem).toMatch(/^The peer /)
  }
  const noDatagrams = negotiate(config, 'client', settingsOf(full), { ...PARAMETERS, maxDatagramFrameSize: 0 })
  expect(noDatagrams.problem).toBe('The peer takes no DATAGRAM frames')
})

//= draft-ietf-webtrans-http3#3.1-p13-1
test('a peer without RESET_STREAM_AT is refused where that is asked for, and is spoken to in an older draft if there is one', () => {
  const without = { ...PARAMETERS, resetStreamAt: false }
  const strict = webTransportConfig({ requiresResetStreamAt: true })
  expect(negotiate(webTransportConfig({}), 'server', ours('client'), without).draft).toBe(15)
  expect(negotiate(strict, 'server', ours('client'), without).draft).toBe(7)
  const refused = negotiate(strict, 'server', ours('client', { drafts: [15, 14] }), without)
  expect(refused).toMatchObject({ draft: undefined, problem: 'The peer takes no RESET_STREAM_AT' })
})

test('draft -02 is content with the datagrams of its time, and with no word on extended CONNECT', () => {
  const peer = settingsOf([
    [0xffd277, 1],
    [0x2b603742, 1],
  ])
  expect(negotiate(webTransportConfig({}), 'client', peer, PARAMETERS).draft).toBe(2)
})

//= draft-ietf-webtrans-http3#5.1-p1-1
//= draft-ietf-webtrans-http3#8-p3-1
test('flow control holds where both sides ask for it, in drafts -14 on', () => {
  const off = { initialMaxData: 0, initialMaxStreamsBidi: 0, initialMaxStreamsUni: 0 }
  const cases: [WebTransportSettings, WebTransportSettings, boolean][] = [
    [{}, {}, true],
    [{ drafts: [14] }, {}, true],
    [{ drafts: [7] }, {}, false],
    [{ drafts: [2] }, {}, false],
    [off, {}, false],
    [{}, off, false],
    [{ ...off, initialMaxStreamsUni: 1 }, { ...off, initialMaxData: 1 }, true],
    // Draft -14 §5.1: an offer of several sessions asks for it as well; a client's 1 does not.
    [{ drafts: [14] }, { ...off, maxSessions: 2 }, true],
    [{ drafts: [14] }, { ...off, maxSessions: 1 }, false],
    [{ ...off, drafts: [14] }, { maxSessions: 2 }, false],
  ]
  for (const [client, server, expected] of cases) {
    const agreed = agree(client, server)
    expect([agreed.client.hasFlowControl, agreed.server.hasFlowControl]).toEqual([expected, expected])
  }
  const { limits } = agree({}, { initialMaxData: 5, initialMaxStreamsBidi: 6, initialMaxStreamsUni: 7 }).client
  expect(limits).toEqual({ maxData: 5, maxStreamsBidi: 6, maxStreamsUni: 7 })
})

test('a client keeps to the number of sessions that drafts -07 and -14 name', () => {
  expect(agree({ drafts: [7] }, { maxSessions: 3 }).client.maxSessions).toBe(3)
  expect(agree({ drafts: [14] }, { maxSessions: 4 }).client.maxSessions).toBe(4)
  expect(agree({ drafts: [15] }, { maxSessions: 4 }).client.maxSessions).toBe(Infinity)
})

//= draft-ietf-webtrans-http3#3.2-p3.1-1
test('the token of a request tells the newest draft from those before', () => {
  expect(ALL.map(upgradeToken)).toEqual(['webtransport', 'webtransport', 'webtransport', 'webtransport-h3'])
  const { server } = agree({}, {})
  expect(draftOfToken(server, 'webtransport-h3')).toBe(15)
  expect(draftOfToken(server, 'webtransport')).toBe(14)
  expect(draftOfToken(agree({ drafts: [15] }, {}).server, 'webtransport')).toBeUndefined()
  expect(draftOfToken(agree({ drafts: [2] }, {}).server, 'webtransport-h3')).toBeUndefined()
  expect(['webtransport', 'webtransport-h3', 'websocket', undefined].map(isUpgradeToken)).toEqual([
    true,
    true,
    false,
    false,
  ])
})

test('draft -02 says so in the request and in the answer', () => {
  expect(draftRequestFields(2)).toEqual([{ name: 'sec-webtransport-http3-draft02', value: '1' }])
  expect(draftResponseFields(2)).toEqual([{ name: 'sec-webtransport-http3-draft', value: 'draft02' }])
  expect([7, 14, 15].flatMap((draft) => draftRequestFields(draft as WebTransportDraft))).toEqual([])
})

test('a setting that makes no sense is refused by name', () => {
  const bad: [unknown, string][] = [
    [{ drafts: [] }, 'drafts'],
    [{ drafts: [3] }, 'drafts'],
    [{ drafts: 15 }, 'drafts'],
    [{ maxSessions: 0 }, 'maxSessions'],
    [{ maxBufferedStreams: -1 }, 'maxBufferedStreams'],
    [{ initialMaxData: 1.5 }, 'initialMaxData'],
    [{ bufferTimeout: 'x' }, 'bufferTimeout'],
    [{ requiresResetStreamAt: 1 }, 'requiresResetStreamAt'],
    [{ maxSession: 1 }, 'maxSession'],
  ]
  for (const [settings, name] of bad) expect(() => webTransportConfig(settings as WebTransportSettings)).toThrow(name)
})
