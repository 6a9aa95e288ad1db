import { handshakeLoss } from './handshake-loss.ts'
import { standing } from './standing.fixtures.ts'

standing(handshakeLoss)
