/** The sections of the contract, in its order. */
import { CONNECTING } from './connecting.ts'
import { CONTROLS } from './controls.ts'
import { DEADLINES, RESETS } from './deadlines.ts'
import { LIFE_CYCLE } from './life-cycle.ts'
import type { Section } from './row.ts'
import { SENDING } from './sending.ts'
import { STREAMS } from './streams.ts'

export const SECTIONS: readonly Section[] = [LIFE_CYCLE, CONNECTING, STREAMS, CONTROLS, SENDING, DEADLINES, RESETS]
