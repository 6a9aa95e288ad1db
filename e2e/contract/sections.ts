/** The sections of the contract, in its order. */
import { LIFE_CYCLE } from './life-cycle.ts'
import type { Section } from './row.ts'

export const SECTIONS: readonly Section[] = [LIFE_CYCLE]
