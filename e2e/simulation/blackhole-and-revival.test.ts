import { blackholeAndRevival } from './blackhole-and-revival.ts'
import { standing } from './standing.fixtures.ts'

standing(blackholeAndRevival)
