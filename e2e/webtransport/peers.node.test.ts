/**
 * WebTransport of others with ours, over UDP: Chromium and Firefox as clients, Deno as client and as server. What a peer
 * cannot is named with how that shows, so that it is seen as soon as it can.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { launchOptions } from '../support/browsers.ts'
import { findOther } from '../support/runtimes.ts'
import { type Answering, answer } from './answers.ts'
import { allOk, casesWithout, playInBrowser, playInDeno, playWithDeno } from './ends.ts'

/**
 * Firefox 153: `readable.cancel(reason)` sends no STOP_SENDING, and `close()` neither WT_CLOSE_SESSION nor the end of the CONNECT
 * stream: streams are reset with H3_REQUEST_CANCELLED, and that is all, with a server of Deno's as well. Of the codes with which a
 * server gives both halves of a stream up at once it tells one, now this, now that.
 */
const NOT_FIREFOX: readonly string[] = ['stop by the client', 'close by the client', 'codes of the server']

/**
 * Deno 2.9.6 ends no stream with FIN, neither sends nor heeds WT_CLOSE_SESSION, and has no codes. Of unidirectional streams its
 * `pull` hands out none after one that is of no session, such as those of QPACK, until somebody reads once more for each.
 */
const ONLY_DENO: readonly string[] = ['bytes without an end', 'datagrams', 'rejection']

const deno = findOther('Deno')
let server: Answering
beforeAll(async () => {
  server = await answer()
})
afterAll(() => server.close())

test.skipIf(launchOptions('chromium') === undefined)(
  'Chromium does everything with our server',
  async () => {
    const names = casesWithout([])
    expect(await playInBrowser('chromium', server, names)).toEqual(allOk(names))
  },
  120_000,
)

test.skipIf(launchOptions('firefox') === undefined)(
  'Firefox does everything that it can with our server',
  async () => {
    const names = casesWithout(NOT_FIREFOX)
    expect(await playInBrowser('firefox', server, names)).toEqual(allOk(names))
  },
  120_000,
)

test.skipIf(deno === undefined)(
  'Deno does everything that it can with our server',
  async () => {
    expect(await playInDeno(deno ?? '', server, ONLY_DENO)).toEqual(allOk(ONLY_DENO))
  },
  120_000,
)

test.skipIf(deno === undefined)(
  'our client does with the server of Deno what that can',
  async () => {
    const names = ['bytes without an end', 'datagrams']
    expect(await playWithDeno(deno ?? '', server, names)).toEqual(allOk(names))
  },
  120_000,
)
