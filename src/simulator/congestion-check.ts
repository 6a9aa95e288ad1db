/**
 * What a congestion controller must hold to, whoever wrote it (`CongestionController`, RFC 9002 §7), as a check that asks for
 * no test framework. The built-in ones pass it as well.
 */
import type { Duration } from '../base/time.ts'
import {
  type CongestionController,
  type ControllerFactory,
  type ControllerOptions,
  defaultInitialWindow,
  defaultMinimumWindow,
} from '../recovery/congestion/controller.ts'
import { guarded } from '../recovery/congestion/guard.ts'
import { CongestionCourse } from './congestion-course.ts'
import { SeededRandom } from './seeded-random.ts'

/** What {@link checkCongestionController} may be told. */
export interface CongestionCheckOptions {
  /** Of what is drawn at random. Default 1. */
  readonly seed?: number | undefined
  /** Calls in random order, with random values. Default 2,000. */
  readonly calls?: number | undefined
}

/** bytes */
const DATAGRAM = 1200
const RTT: Duration = 50

type Make = (options?: Partial<ControllerOptions>) => CongestionController

/**
 * Puts controllers of `factory` through all that may happen to them.
 *
 * @throws Error that names the first rule that is broken, and how
 * @example
 * ```ts run
 * import { checkCongestionController } from 'isoquic/simulator'
 *
 * const fixed = () => ({
 *   congestionWindow: 100_000,
 *   slowStartThreshold: Infinity,
 *   pacingRate: undefined,
 *   onPacketSent() {},
 *   onPacketsAcked() {},
 *   onPacketLost() {},
 *   onEcnCongestion() {},
 *   onPersistentCongestion() {},
 *   onSpuriousLoss() {},
 *   onMaxDatagramSize() {},
 * })
 * try {
 *   checkCongestionController(fixed)
 * } catch (error) {
 *   console.log(String(error)) // Error: The first window is at most the initial window: got 100000, expected at most 12000
 * }
 * ```
 */
export function checkCongestionController(factory: ControllerFactory, options: CongestionCheckOptions = {}): void {
  const { seed = 1, calls = 2000 } = options
  const make: Make = (given) => {
    const random = new SeededRandom(seed)
    return guarded(factory)({ maxDatagramSize: DATAGRAM, random, ...given })
  }
  checkStart(make)
  checkCongestion(make)
  checkUndo(make)
  checkAppLimit(make)
  checkRandomCalls(make, seed, calls)
}

function checkStart(make: Make): void {
  const first = 'The first window is at most the initial window'
  atMost(first, make().congestionWindow, defaultInitialWindow(DATAGRAM))
  atMost(first, make({ initialWindow: 50_000 }).congestionWindow, 50_000)
  const inherited = { congestionWindow: 33_000, slowStartThreshold: 20_000 }
  atMost("A successor starts with at most its predecessor's window", make({ inherited }).congestionWindow, 33_000)
  const controller = make()
  controller.onMaxDatagramSize(4000)
  atLeast('The window holds two datagrams', controller.congestionWindow, defaultMinimumWindow(4000))
  const grown = settled(make)
  atLeast('A path without losses is used', grown.controller.congestionWindow, 4 * DATAGRAM)
}

function checkCongestion(make: Make): void {
  for (const [rule, trouble] of [
    ['Losses reduce the window', { loss: 0.1 }],
    ['CE marks reduce the window', { mark: true }],
  ] as const) {
    const course = settled(make)
    const untroubled = settled(make)
    for (let round = 0; round < 20; round++) {
      course.round(trouble)
      untroubled.round()
    }
    atMost(rule, course.controller.congestionWindow, 0.9 * untroubled.controller.congestionWindow)
    atLeast('Congestion leaves room for a datagram', course.controller.congestionWindow, DATAGRAM)
  }
  for (const minimumWindow of [undefined, 5000]) {
    const course = settled(make, { minimumWindow })
    course.loseAll()
    course.controller.onPersistentCongestion()
    const most = minimumWindow ?? defaultMinimumWindow(DATAGRAM)
    atMost('Persistent congestion leaves the minimum window', course.controller.congestionWindow, most)
    for (let round = 0; round < 40; round++) course.round()
    atLeast('A path that works again is used again', course.controller.congestionWindow, 4 * DATAGRAM)
  }
}

function checkUndo(make: Make): void {
  const course = settled(make)
  const before = course.controller.congestionWindow
  course.round({ loss: 0.02 })
  course.controller.onSpuriousLoss()
  for (let round = 0; round < 3; round++) course.round()
  atLeast('Losses that were none are forgotten', course.controller.congestionWindow, 0.8 * before)
}

function checkAppLimit(make: Make): void {
  const course = new CongestionCourse(make(), DATAGRAM, RTT)
  for (let round = 0; round < 200; round++) course.round({ packets: 1 })
  const most = 3 * defaultInitialWindow(DATAGRAM)
  atMost('A window that is not used does not grow', course.controller.congestionWindow, most)
}

/** Whatever comes in whatever order, twice: numbers stay numbers, and depend on the calls alone. */
function checkRandomCalls(make: Make, seed: number, calls: number): void {
  const run = (): number[] => {
    const random = new SeededRandom(seed)
    const course = new CongestionCourse(make(), DATAGRAM, RTT)
    const numbers: number[] = []
    for (let call = 0; call < calls; call++) {
      randomCall(course, random)
      const { congestionWindow, slowStartThreshold, pacingRate } = course.controller
      numbers.push(congestionWindow, slowStartThreshold, pacingRate ?? -1)
    }
    return numbers
  }
  const [first, second] = [run(), run()]
  const index = first.findIndex((number, at) => number !== second[at])
  if (index < 0) return
  throw new Error(`What a controller does depends on its calls alone: got ${second[index]} after ${first[index]}`)
}

function randomCall(course: CongestionCourse, random: SeededRandom): void {
  const { controller } = course
  const choice = random.integer(10)
  const packets = random.integer(40)
  if (choice < 5) course.round({ packets, loss: choice === 0 ? random.next() : 0, mark: random.chance(0.05) })
  else if (choice === 5) controller.onSpuriousLoss()
  else if (choice === 6) controller.onMaxDatagramSize(DATAGRAM + random.integer(300))
  else if (choice === 7) course.wait(random.integer(20_000))
  else if (choice === 8) course.round()
  else if (random.chance(0.2)) controller.onPersistentCongestion()
}

/** A controller that has found the capacity of its path. */
function settled(make: Make, options: Partial<ControllerOptions> = {}): CongestionCourse {
  const course = new CongestionCourse(make(options), DATAGRAM, RTT)
  for (let round = 0; round < 60; round++) course.round()
  return course
}

function atMost(rule: string, got: number, most: number): void {
  if (!(got <= most)) throw new Error(`${rule}: got ${got}, expected at most ${most}`)
}

function atLeast(rule: string, got: number, least: number): void {
  if (!(got >= least)) throw new Error(`${rule}: got ${got}, expected at least ${least}`)
}
