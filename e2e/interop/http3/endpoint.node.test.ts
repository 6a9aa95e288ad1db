import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { writeCertificates } from '../certificates.ts'
import { runHttp3Cell } from './cell.ts'
import { ISOQUIC } from './peers.ts'
import { ALL_CASES, HTTP3_PLANS, type Http3Case, type Http3Plan } from './plans.ts'

let folder = ''
let certs = ''

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'isoquic-http3-endpoint-'))
  certs = join(folder, 'certs')
  mkdirSync(certs)
  writeCertificates(certs)
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Small files and a kind network: the table has the rest. */
function smaller({ files, impairment, ...plan }: Http3Plan): Http3Plan {
  return {
    ...plan,
    files: files.slice(0, 200).map((size) => Math.min(size, 100_000)),
    ...(impairment !== undefined && {
      impairment: { ...impairment, delay: impairment.loss > 0 ? 2 : impairment.delay },
    }),
  }
}

async function play(name: Http3Case, isFramed?: true): Promise<string | undefined> {
  const place = mkdtempSync(join(folder, `${name}-`))
  const peer = isFramed === undefined ? ISOQUIC : { ...ISOQUIC, isFramed }
  const ends = { client: peer, server: peer, plan: smaller(HTTP3_PLANS[name]) }
  const { failure, output } = await runHttp3Cell({ case: name, ...ends, folder: place, certs, hasTshark: false })
  return failure === undefined ? undefined : `${failure}\n${output}`
}

describe.concurrent('The interop endpoint, in HTTP/3 and WebTransport', () => {
  test.each(ALL_CASES)(
    'does %s with itself',
    async (name) => {
      expect(await play(name)).toBeUndefined()
    },
    60_000,
  )

  test('puts lengths ahead where it is told to', async () => {
    expect(await play('wt-bidirectional-send', true)).toBeUndefined()
  }, 60_000)
})
