import { reliableCarrier } from './reliable-carrier.ts'
import { standing } from './standing.fixtures.ts'

standing(reliableCarrier)
