import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { encodeUtf8, fromHex } from '../../src/base/bytes.ts'
import { runCell } from './cell.ts'
import { writeCertificates } from './certificates.ts'
import { UNSUPPORTED } from './contract.ts'
import { ISOQUIC, type Peer } from './peers.ts'
import { CASES, type Case, type CasePlan, PLANS } from './plans.ts'
import { Program } from './processes.ts'
import { decodeFields, decodeHuffman, encodeFields } from './qpack.ts'

let folder = ''
let certs = ''

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'isoquic-endpoint-'))
  certs = join(folder, 'certs')
  mkdirSync(certs)
  writeCertificates(certs)
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Small files and a kind network: the table has the rest. */
async function play(name: Case, peer: Peer = ISOQUIC): Promise<string | undefined> {
  const { failure, output } = await runCell({
    case: name,
    client: peer,
    server: peer,
    folder: mkdtempSync(join(folder, `${name}-`)),
    certs,
    hasTshark: false,
    plan: smaller(PLANS[name]),
  })
  return failure === undefined ? undefined : `${failure}\n${output}`
}

function smaller({ impairment, ...plan }: CasePlan): CasePlan {
  const { loss = 0, corruption = 0, rebinding, blackhole } = impairment ?? {}
  // A client that moves, or is moved, needs the time of a transfer for it.
  const most = impairment === undefined || loss + corruption > 0 ? 300_000 : 2_000_000
  const files = plan.files.slice(0, 3).map((size) => Math.min(size, most))
  if (impairment === undefined) return { ...plan, files }
  return {
    ...plan,
    files,
    impairment: {
      ...impairment,
      ...(loss > 0 && { delay: 2, loss: 0.1 }),
      ...(corruption > 0 && { delay: 2, corruption: 0.1 }),
      ...(rebinding !== undefined && { rebinding: { ...rebinding, every: 400_000 } }),
      ...(blackhole !== undefined && { blackhole: { ...blackhole, every: 400_000, duration: 300 } }),
    },
  }
}

describe.concurrent('The interop endpoint', () => {
  test.each(CASES)(
    'does %s with itself',
    async (name) => {
      expect(await play(name)).toBeUndefined()
    },
    60_000,
  )

  test('speaks HTTP/3 where it is told to', async () => {
    expect(await play('transfer', { ...ISOQUIC, alpn: 'h3' })).toBeUndefined()
  }, 60_000)

  test('ends with 127 for what it does not support', async ({ expect }) => {
    const args = [fileURLToPath(new URL('endpoint.ts', import.meta.url))]
    for (const env of [
      { ROLE: 'client', TESTCASE: 'unheard-of' },
      { ROLE: 'proxy', TESTCASE: 'handshake' },
    ]) {
      expect(await new Program({ command: process.execPath, args, env }).within(30_000)).toBe(UNSUPPORTED)
    }
  }, 60_000)

  test('leaves the keys of each connection', async () => {
    const place = mkdtempSync(join(folder, 'keys-'))
    const plan = PLANS.handshake
    const cell = {
      case: 'handshake',
      client: ISOQUIC,
      server: ISOQUIC,
      folder: place,
      certs,
      hasTshark: false,
      plan,
    } as const
    expect((await runCell(cell)).failure).toBeUndefined()
    const labels = readFileSync(join(place, 'keys.log'), 'utf8')
      .split('\n')
      .map((line) => line.split(' ')[0])
    expect(labels).toContain('CLIENT_TRAFFIC_SECRET_0')
    expect(labels).toContain('SERVER_HANDSHAKE_TRAFFIC_SECRET')
  }, 60_000)
})

describe('Its QPACK', () => {
  test('reads what it writes', () => {
    const fields = [
      [':method', 'GET'],
      [':status', '200'],
      [':path', `/${'long'.repeat(100)}`],
      ['x-own', 'värde'],
    ] as const
    expect([...decodeFields(encodeFields(fields))]).toEqual(fields)
  })

  test('reads the Huffman strings of RFC 7541', () => {
    expect(decodeHuffman(fromHex('f1e3c2e5f23a6ba0ab90f4ff'))).toEqual(encodeUtf8('www.example.com'))
    expect(decodeHuffman(fromHex('a8eb10649cbf'))).toEqual(encodeUtf8('no-cache'))
    expect(() => decodeHuffman(fromHex('a8eb10649cb0'))).toThrow('padded')
    expect(() => decodeHuffman(fromHex('ffffffff'))).toThrow()
  })
})
