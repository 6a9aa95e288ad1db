import { handshakeLossPairs } from './handshake-loss-pairs.ts'
import { standing } from './standing.fixtures.ts'

standing(handshakeLossPairs)
