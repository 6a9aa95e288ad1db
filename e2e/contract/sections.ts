/** The sections of the contract, in its order. */
import { CONNECTING } from './connecting.ts'
import { LIFE_CYCLE } from './life-cycle.ts'
import type { Section } from './row.ts'
import { STREAMS } from './streams.ts'

export const SECTIONS: readonly Section[] = [LIFE_CYCLE, CONNECTING, STREAMS]
