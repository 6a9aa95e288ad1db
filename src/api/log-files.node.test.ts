import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { pipe } from '../../transports/pipe.ts'
import { parseKeyLog } from '../qlog/keylog.ts'
import { type QlogTrace, readQlog } from '../qlog/reader.ts'
import { ConnectionId } from '../wire/connection-id.ts'
import { connect } from './client.ts'
import { devCertificate } from './dev.ts'
import { keyLogFile, qlogFolder } from './log-files.ts'
import { listen } from './server.ts'

const root = mkdtempSync(join(tmpdir(), 'isoquic-qlog-'))
afterAll(() => rmSync(root, { recursive: true }))

const ID = ConnectionId.from(Uint8Array.of(1, 2, 3, 4))

describe('A folder of qlog files', () => {
  test('gets a whole file for each end of a connection, under the name that the drafts recommend', async () => {
    const folder = join(root, 'made', 'on the way')
    const observer = qlogFolder(folder)
    const certificate = await devCertificate()
    const [near, far] = pipe()
    const server = await listen(far, { alpn: ['x'], certificate, observer })
    const serverCertificateHashes = [certificate.hash]
    const address = 'localhost:443'
    const connection = await connect(near, { address, alpn: ['x'], serverCertificateHashes, observer })
    await connection.close({ closeCode: 3, reason: 'done' })
    await server.close()
    const files = readdirSync(folder).toSorted()
    expect(files).toEqual([
      expect.stringMatching(/^[0-9a-f]{16}_client\.sqlog$/),
      expect.stringMatching(/_server\.sqlog$/),
    ])
    expect(files[0]?.slice(0, 16)).toBe(files[1]?.slice(0, 16))
    for (const file of files) {
      const trace = (): QlogTrace | undefined => readQlog(readFileSync(join(folder, file))).traces[0]
      await expect.poll(() => trace()?.events.at(-1)?.data).toMatchObject({ new: 'closed' })
      expect(file).toBe(`${trace()?.groupId}_${trace()?.vantagePoint}.sqlog`)
      const names = trace()?.events.map(({ name }) => name)
      expect(names).toEqual(
        expect.arrayContaining(['quic:packet_sent', 'quic:packet_received', 'quic:connection_closed']),
      )
    }
  })

  test('shows soon what was logged, and blocks of it at once', async () => {
    const folder = join(root, 'soon')
    const observer = qlogFolder(folder)(ID, 'client')
    const size = (): number => readFileSync(join(folder, '01020304_client.sqlog')).length
    expect(size()).toBe(0)
    await expect.poll(size).toBeGreaterThan(100)
    const before = size()
    for (let count = 0; count < 1000; count++) observer?.alpnChosen?.('x'.repeat(100), count)
    expect(size()).toBeGreaterThan(before + 65_536)
    observer?.connectionState?.('closed', 1000)
    expect(readQlog(readFileSync(join(folder, '01020304_client.sqlog'))).traces[0]?.events.length).toBe(1001)
  })

  test('that cannot be had is named at once', () => {
    const file = join(root, 'file')
    writeFileSync(file, '')
    expect(() => qlogFolder(file)).toThrow('EEXIST')
  })

  test('that goes away ends its logs, not its connections', () => {
    const errors: unknown[] = []
    const folder = join(root, 'gone')
    const observe = qlogFolder(folder, { onError: (error) => errors.push(error) })
    rmSync(folder, { recursive: true })
    expect(observe(ID, 'client')).toBeUndefined()
    expect(errors).toEqual([expect.objectContaining({ code: 'ENOENT' })])
  })
})

describe('A key log file', () => {
  test('gets the lines of all connections, after what it had, and is for its owner alone', async () => {
    const path = join(root, 'keys.log')
    const keyLog = keyLogFile(path)
    keyLog('# first')
    const certificate = await devCertificate()
    const [near, far] = pipe()
    const server = await listen(far, { alpn: ['x'], certificate, keyLog })
    const connection = await connect(near, { alpn: ['x'], serverCertificateHashes: [certificate.hash], keyLog })
    await connection.close()
    await server.close()
    const text = readFileSync(path, 'utf8')
    expect(text).toMatch(/^# first\n/)
    const labels = parseKeyLog(text).map(({ label }) => label)
    expect(labels.filter((label) => label === 'CLIENT_TRAFFIC_SECRET_0').length).toBe(2)
    if (process.platform !== 'win32') expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  test('that cannot be written ends, and not its connections', async () => {
    const errors: unknown[] = []
    const keyLog = keyLogFile(join(root, 'nowhere', 'keys.log'), { onError: (error) => errors.push(error) })
    const certificate = await devCertificate()
    const [near, far] = pipe()
    const server = await listen(far, { alpn: ['x'], certificate })
    const connection = await connect(near, { alpn: ['x'], serverCertificateHashes: [certificate.hash], keyLog })
    await connection.close()
    await server.close()
    expect(errors).toEqual([expect.objectContaining({ code: 'ENOENT' })])
  })
})
