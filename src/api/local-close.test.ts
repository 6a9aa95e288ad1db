import { expect, test } from 'vitest'
import { pipe } from '../../transports/pipe.ts'
import { connect } from './client.ts'
import type { QuicConnection } from './connection.ts'
import { devCertificate } from './dev.ts'
import { QuicApplicationError } from './errors.ts'
import { listen } from './server.ts'

async function withConnection(use: (connection: QuicConnection) => Promise<void>): Promise<void> {
  const [near, far] = pipe()
  const certificate = await devCertificate()
  const server = await listen(far, { alpn: ['test'], certificate })
  try {
    await use(await connect(near, { alpn: ['test'], serverCertificateHashes: [certificate.hash] }))
  } finally {
    await server.close()
  }
}

const ours = expect.objectContaining({ name: 'QuicApplicationError', side: 'local', code: 7n })

test('a read that begins in the turn of our own close rejects with the error of the connection', async () => {
  await withConnection(async (connection) => {
    const stream = await connection.createBidirectionalStream()
    const read = stream.readable.getReader().read()
    const closed = connection.close({ closeCode: 7 })
    await expect(read).rejects.toEqual(ours)
    await expect(stream.closed).rejects.toEqual(ours)
    await closed
  })
})

test('calls in the turn of our own close find the connection closed', async () => {
  await withConnection(async (connection) => {
    const stream = await connection.createBidirectionalStream()
    const closed = connection.close({ closeCode: 7, reason: 'bye' })
    expect(() => stream.tryWrite(new Uint8Array(1))).toThrow(QuicApplicationError)
    expect(() => stream.read(new Uint8Array(1))).toThrow(QuicApplicationError)
    await expect(stream.writable.getWriter().write(new Uint8Array(1))).rejects.toEqual(ours)
    await expect(connection.createUnidirectionalStream()).rejects.toEqual(ours)
    expect(await connection.closed).toEqual({ closeCode: 7n, reason: 'bye' })
    await closed
  })
})
