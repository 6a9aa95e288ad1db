/** Our server at work with the dialogue of `dialogue.ts`. */
import { devCertificate } from '../../src/api/dev.ts'
import { WebTransportError } from '../../src/api/webtransport/error.ts'
import { WebTransportServer } from '../../src/api/webtransport/server.ts'
import type { WebTransportDraft } from '../../src/webtransport/negotiation.ts'
import { udp } from '../../transports/udp.ts'
import { serveSessions } from './sessions.ts'

/** A server at work. */
export interface Answering {
  readonly port: number
  /** SHA-256 of its certificate. */
  readonly hash: readonly number[]
  readonly certificate: string
  readonly privateKey: string
  close(): Promise<void>
}

/** Serves on loopback. */
export async function answer(drafts?: readonly WebTransportDraft[]): Promise<Answering> {
  const { certificate, hash, privateKey } = await devCertificate()
  const options = { certificate: { certificate, privateKey }, ...(drafts && { drafts }) }
  const server = await WebTransportServer.listen(await udp({ host: '127.0.0.1' }), options)
  const reasonOf = (streamErrorCode: number): unknown => new WebTransportError('', { streamErrorCode })
  void serveSessions(server, reasonOf).catch(() => {})
  return {
    port: Number(server.address.split(':').at(-1)),
    hash: [...hash.value],
    certificate,
    privateKey,
    close: () => server.close(),
  }
}
