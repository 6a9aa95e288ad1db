/** What a table of rules is made of, and how each is broken: shared by the tests of rules. */
import { describe, expect, test } from 'vitest'
import type { ConnectionOptions } from '../../src/connection/config.ts'
import type { Role } from '../../src/wire/stream-id.ts'
import { transportErrorName } from '../../src/wire/transport-error.ts'
import { MisbehavingPeer, type PacketOptions, type Stage, v } from './misbehaving-peer.fixtures.ts'

/** One packet: its plaintext, and how it is built. */
export type Step = readonly [payload: readonly number[], options?: PacketOptions]

/** A rule, and what breaks it. */
export interface Rule {
  readonly name: string
  /** Whom the rule binds; both if left out. */
  readonly by?: Role
  readonly stage?: Stage
  /** The victim's. */
  readonly config?: ConnectionOptions
  readonly steps: (peer: MisbehavingPeer) => readonly Step[]
  /** `undefined`: the connection goes on. */
  readonly code?: bigint
  readonly frameType?: number | bigint
}

/** The highest number that a varint holds. */
export const MAX: bigint = (1n << 62n) - 1n
const TOKEN = Array.from({ length: 16 }, (_, index) => index)

/** The lowest stream of a kind. */
export function streamId(peer: MisbehavingPeer, opener: 'peer' | 'victim', kind: 'bidi' | 'uni'): number {
  const role = opener === 'peer' ? peer.role : peer.victimRole
  return (role === 'client' ? 0 : 1) + (kind === 'uni' ? 2 : 0)
}

/** STREAM with OFF and LEN. */
export function stream(id: number, offset: number | bigint, length: number, fin = false): number[] {
  return [0x0e | (fin ? 1 : 0), ...v(id), ...v(offset), ...v(length), ...new Array<number>(length).fill(7)]
}

/** RESET_STREAM. */
export function reset(id: number | bigint, finalSize: number | bigint): number[] {
  return [0x04, ...v(id), ...v(9), ...v(finalSize)]
}

/** RESET_STREAM_AT. */
export function resetAt(
  id: number | bigint,
  finalSize: number | bigint,
  reliableSize: number | bigint,
  code = 9,
): number[] {
  return [0x24, ...v(id), ...v(code), ...v(finalSize), ...v(reliableSize)]
}

/** NEW_CONNECTION_ID. */
export function newId(
  sequence: number,
  retirePriorTo: number,
  id: readonly number[],
  token: readonly number[] = TOKEN,
): number[] {
  return [0x18, ...v(sequence), ...v(retirePriorTo), id.length, ...id, ...token]
}

/** An id, or a token, that `seed` names. */
export function idBytes(seed: number, length = 8): number[] {
  return Array.from({ length }, (_, index) => (seed * 31 + index) & 0xff)
}

/** A test for each rule and each side that may break it. */
export function testRules(rules: readonly Rule[]): void {
  for (const role of ['client', 'server'] as const) {
    describe(`A ${role} that breaks a rule is told so:`, () => {
      for (const rule of rules) if (rule.by === undefined || rule.by === role) test(rule.name, () => play(rule, role))
    })
  }
}

function play(rule: Rule, role: Role): void {
  const victim = role === 'client' ? 'server' : 'client'
  const peer = new MisbehavingPeer(role, rule.config === undefined ? {} : { [victim]: rule.config })
  peer.connect(rule.stage ?? 'connected')
  for (const [payload, options] of rule.steps(peer)) peer.send(payload, options)
  const { closeReason } = peer
  if (rule.code === undefined) {
    expect(closeReason).toBeUndefined()
    return
  }
  expect(closeReason).toMatchObject({ kind: 'transport', side: 'local' })
  if (closeReason?.kind !== 'transport') return
  const seen = `${transportErrorName(closeReason.code)} 0x${closeReason.frameType.toString(16)}`
  const wanted = `${transportErrorName(rule.code)} 0x${(rule.frameType ?? closeReason.frameType).toString(16)}`
  expect(seen, closeReason.reason).toBe(wanted)
  expect(peer.closeOnWire()).toEqual({ errorCode: rule.code, frameType: closeReason.frameType })
  expect(peer.victim.of('closing').map(({ reason }) => reason)).toEqual([closeReason])
  peer.run(60_000)
  expect(peer.victim.of('closed').map(({ reason }) => reason)).toEqual([closeReason])
  expect(peer.victim.endpoint.connectionCount).toBe(0)
}
