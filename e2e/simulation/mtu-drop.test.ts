import { mtuDrop } from './mtu-drop.ts'
import { standing } from './standing.fixtures.ts'

standing(mtuDrop)
