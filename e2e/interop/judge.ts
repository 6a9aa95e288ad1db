/** What the wire must show for a case to count, beyond the files: the runner's own rules. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { VERSION_1, VERSION_2 } from './case-options.ts'
import type { Case } from './plans.ts'
import type { UdpProxy } from './proxy.ts'
import type { WireFacts } from './wire-facts.ts'

/** The codes of a connection that ended well: NO_ERROR, and that of HTTP/3. */
export const CLOSE_CODES: readonly unknown[] = [0, 0x100]

/** The cipher suite of the case chacha20. */
const CHACHA20 = '0x1303'

/** What a judgement rests on. */
export interface Judgement {
  readonly proxy: UdpProxy
  readonly keyLog: string
  readonly folder: string
  readonly hasTshark: boolean
  /** Bytes by which the server is known to go beyond the amplification limit (`PEERS.md`). */
  readonly exceeds: number
}

/** The reason why a case failed, if it did. */
export function judgeWire(testCase: Case, judgement: Judgement): string | undefined {
  const { facts } = judgement.proxy
  switch (testCase) {
    case 'versionnegotiation':
      return facts.versionNegotiations > 0 ? undefined : 'No Version Negotiation packet answered the client'
    case 'retry':
      if (facts.retries === 0) return 'The server sent no Retry packet'
      return facts.initialsWithRetryToken > 0 ? undefined : 'The client did not send the token of the Retry packet'
    case 'zerortt':
      return facts.zeroRttPackets > 0 ? undefined : 'The client sent no 0-RTT packet'
    case 'keyupdate':
      return judgement.hasTshark ? judgeKeyPhases(judgement) : undefined
    case 'chacha20':
      return judgement.hasTshark ? judgeCipherSuite(judgement) : undefined
    case 'connectionmigration':
      return judgeMigration(judgement)
    case 'v2':
      return judgeVersion(facts)
    case 'rebind-port':
    case 'rebind-addr':
      return judgeRebinding(judgement)
    case 'datagrams':
      return judgement.hasTshark ? judgeDatagrams(judgement) : undefined
    case 'blackhole':
      return judgeBlackhole(judgement)
    case 'longrtt':
      // An answer takes longer than the second that a client waits for it at first (RFC 9002 §6.2.2).
      return judgement.proxy.askedFirst > 1 ? undefined : 'The client did not ask again before it was answered'
    case 'amplificationlimit':
      return judgeAmplification(judgement)
    case 'handshakecorruption':
    case 'transfercorruption':
      return judgeCorruption(judgement)
    default:
      return undefined
  }
}

/** The client began with version 1, and both went on in version 2 without a round trip in between (RFC 9369 §4.1). */
function judgeVersion({ clientVersions, serverVersions, versionNegotiations }: WireFacts): string | undefined {
  const name = (versions: Iterable<number>): string => [...versions].map((version) => version.toString(16)).join(', ')
  if (versionNegotiations > 0) return 'A Version Negotiation packet was sent'
  if (name(clientVersions) !== name([VERSION_1, VERSION_2])) return `The client spoke versions ${name(clientVersions)}`
  return serverVersions.has(VERSION_2) ? undefined : `The server spoke versions ${name(serverVersions)}`
}

/** The client came from another port, and from each with ids that it used from no other (RFC 9000 §9.5). */
function judgeMigration({ proxy }: Judgement): string | undefined {
  const { idsByPort } = proxy.facts
  if (idsByPort.size < 2) return 'The client did not migrate'
  const seen = new Set<string>()
  for (const [port, ids] of idsByPort) {
    const again = [...ids].find((id) => seen.has(id))
    if (again !== undefined) return `The client used the id ${again} from port ${port}, as it did from another`
    for (const id of ids) seen.add(id)
  }
  return undefined
}

/** The server asked at the new address, and the client answered (RFC 9000 §9.3). */
function judgeRebinding(judgement: Judgement): string | undefined {
  const { proxy } = judgement
  if (proxy.rebindings === 0) return 'The transfer was over before the client was anywhere else'
  if (!judgement.hasTshark) return undefined
  const challenges = countPackets(judgement, 'quic.frame_type == 0x1a', true)
  const responses = countPackets(judgement, 'quic.frame_type == 0x1b', false)
  if (challenges < proxy.rebindings) {
    return `The server sent ${challenges} PATH_CHALLENGE frames, for ${proxy.rebindings} rebindings`
  }
  return responses >= proxy.rebindings ? undefined : `The client sent ${responses} PATH_RESPONSE frames`
}

/** Packets of the server or the client that pass the filter. */
function countPackets(judgement: Judgement, filter: string, isFromServer: boolean): number {
  const ports = ask(judgement, filter, ['udp.dstport'])
  return ports.filter(([port]) => (Number(port) !== judgement.proxy.port) === isFromServer).length
}

/** There were DATAGRAM frames in both directions (RFC 9221 §4), and no streams of the client's. */
function judgeDatagrams(judgement: Judgement): string | undefined {
  const isDatagram = 'quic.frame_type == 0x30 || quic.frame_type == 0x31'
  const requests = countPackets(judgement, isDatagram, false)
  const answers = countPackets(judgement, isDatagram, true)
  if (requests === 0 || answers === 0) {
    return `${requests} packets of the client and ${answers} of the server had DATAGRAM frames`
  }
  const streams = countPackets(judgement, 'quic.stream.stream_id', true)
  return streams === 0 ? undefined : `${streams} packets of the server had STREAM frames`
}

/** The server went on sending into each blackhole, and there were as many as planned. */
function judgeBlackhole({ proxy }: Judgement): string | undefined {
  if (proxy.blackholes < 2) return `The transfer was over after ${proxy.blackholes} blackholes`
  return proxy.deeds['to-client'].swallowed > 0 ? undefined : 'No datagram was swallowed'
}

/** The server did not send more than three times what it was given, though it had more to say (RFC 9000 §8.1). */
function judgeAmplification({ proxy, exceeds }: Judgement): string | undefined {
  const { first, received, sent, excess } = proxy.amplification
  const facts = `${sent} bytes were sent and ${received} received before the client was known`
  if (excess > exceeds) return `The server sent ${excess} bytes more than three times what it was given: ${facts}`
  if (sent < 2 * first) return `The server did not come near the limit: ${facts}`
  return proxy.deeds['to-server'].dropped > 0 ? undefined : 'No datagram of the client was dropped'
}

function judgeCorruption({ proxy }: Judgement): string | undefined {
  const { 'to-server': up, 'to-client': down } = proxy.deeds
  return up.corrupted > 0 && down.corrupted > 0 ? undefined : 'No datagram was changed in one of the directions'
}

/** Both directions must have used both phases. */
function judgeKeyPhases(judgement: Judgement): string | undefined {
  const lines = ask(judgement, 'quic.key_phase', ['udp.dstport', 'quic.key_phase'])
  const count = (isToServer: boolean, phase: string): number =>
    lines.filter(
      ([port, phases = '']) =>
        (Number(port) === judgement.proxy.port) === isToServer && phases.split(',').includes(phase),
    ).length
  const counts = [count(true, '0'), count(true, '1'), count(false, '0'), count(false, '1')]
  if (counts.every((each) => each > 0)) return undefined
  return `Packets in key phases 0 and 1: ${counts[0]} and ${counts[1]} of the client, ${counts[2]} and ${counts[3]} of the server`
}

function judgeCipherSuite(judgement: Judgement): string | undefined {
  const chosen = ask(judgement, 'tls.handshake.type == 2', ['tls.handshake.ciphersuite']).map(([suite]) => suite)
  if (chosen.length > 0 && chosen.every((suite) => suite?.split(',').at(-1) === CHACHA20)) return undefined
  return `The server chose ${chosen.join(', ') || 'no cipher suite'}`
}

/** The fields of all packets of the capture that pass the filter. */
function ask({ proxy, keyLog, folder }: Judgement, filter: string, fields: readonly string[]): string[][] {
  const path = join(folder, 'capture.pcap')
  proxy.capture.writeTo(path)
  const output = execFileSync(
    'tshark',
    [
      ...['-r', path, '-o', `tls.keylog_file:${keyLog}`, '-d', `udp.port==${proxy.port},quic`, '-Y', filter],
      ...['-T', 'fields', ...fields.flatMap((field) => ['-e', field])],
    ],
    { encoding: 'utf8', maxBuffer: 256 << 20, stdio: ['ignore', 'pipe', 'ignore'] },
  )
  return output
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t'))
}
