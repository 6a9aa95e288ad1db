/** Handshakes with both ends in one process: full, resumed, with early data. */
import { handshakeReference } from '../check/reference.ts'
import { type HandshakeKind, type HandshakeWay, measureHandshakes } from '../handshakes.ts'
import type { Figures, PartResult, Settings } from '../parts.ts'
import { show } from '../statistics.ts'

const KINDS: Readonly<Record<HandshakeKind, string>> = {
  full: 'full',
  hybrid: 'full, X25519MLKEM768',
  resumed: 'resumed',
  early: '0-RTT',
}

const WAYS: Readonly<Record<HandshakeWay, string>> = {
  socket: 'UDP, a socket for each client',
  shared: 'UDP, one socket for all clients',
  pipe: 'in memory',
}

/** Measures. */
export async function run({ rounds, quick }: Settings, say: (line: string) => void): Promise<PartResult> {
  say('full, resumed and 0-RTT handshakes')
  const numbers = await measureHandshakes({ rounds, count: quick ? 60 : 300 })
  const rows = numbers.map(({ kind, way, atOnce, perSecond, cpu }) => [
    KINDS[kind],
    WAYS[way],
    String(atOnce),
    show(perSecond),
    show(cpu.map((microseconds) => microseconds / 1000)),
  ])
  handshakeReference(100)
  const figures: Figures = {
    ...Object.fromEntries(
      numbers.map(({ kind, way, atOnce, perSecond }) => [`handshakes ${kind} ${way} ${atOnce}`, perSecond]),
    ),
    'handshake keys': Array.from({ length: rounds }, () => handshakeReference(200)),
    'handshake cpu': numbers.find(({ kind, way }) => kind === 'full' && way === 'pipe')?.cpu ?? [],
  }
  const text =
    'Both ends in one process, on one thread; each connection is closed as soon as it is ready. ECDSA P-256, X25519 (unless told; where a client does not say, it is X25519MLKEM768), a chain of one certificate below its authority, which the client verifies. Resumed connections begin with the same ticket again; those with 0-RTT, for which a ticket is good once, stay until the next one has come.'
  const grid = [['handshake', 'over', 'at once', 'a second', 'ms of CPU, both ends'], ...rows]
  return { sections: [{ title: 'Handshakes in one process', text, grids: [grid] }], figures, numbers }
}
