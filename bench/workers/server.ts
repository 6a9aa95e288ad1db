/** A worker of the cluster that `bench/workers.ts` measures. A stream begins with how many bytes it wants, and how much work. */
import { createHash } from 'node:crypto'
import type { CertificateOptions } from '../../src/api/identity.ts'
import { listen } from '../../src/api/server.ts'
import type { QuicStream } from '../../src/api/stream.ts'
import { joinCluster } from '../../src/hosts/cluster/member.ts'
import { ALPN, REQUEST_LENGTH } from './visits.ts'

const chunk = new Uint8Array(262_144)

async function answer(stream: QuicStream): Promise<void> {
  const request = new Uint8Array(REQUEST_LENGTH)
  for (let at = 0; at < request.length; ) {
    const got = stream.read(request.subarray(at))
    if (got < 0) return
    at += got
    if (at < request.length) await stream.whenReadable()
  }
  const view = new DataView(request.buffer)
  // As an application that renders a page, or asks a database within its process.
  for (let rounds = view.getUint32(4); rounds > 0; rounds--) createHash('sha256').update(chunk).digest()
  for (let left = view.getUint32(0); left > 0; ) {
    const sent = stream.tryWrite(left < chunk.length ? chunk.subarray(0, left) : chunk)
    left -= sent
    if (left > 0 && sent < chunk.length) await stream.whenWritable()
  }
  stream.finish()
}

const member = await joinCluster()
const certificate = member.data as CertificateOptions
const server = await listen(member.transport, member.share({ alpn: [ALPN], certificate }))
member.serving(server)
for await (const connection of server) {
  connection.serve({ stream: (stream) => answer(stream) })
}
