/**
 * The validation of one path (RFC 9000 §8.2): challenges with data that nobody can guess, a new one each PTO with
 * back-off, given up at a deadline. It decides nothing about what follows from the outcome.
 */
import { equalBytes } from '../base/bytes.ts'
import { type RandomSource, randomBytes } from '../base/random.ts'
import { type Duration, NEVER, type Time } from '../base/time.ts'
import { FrameType, type PathChallengeFrame } from '../wire/frame.ts'

/** Bytes of a challenge's data (RFC 9000 §19.17). */
export const CHALLENGE_LENGTH = 8

/** Challenges whose response still counts; more than the back-off lets out before any deadline. */
const MAX_OUTSTANDING = 8

/** How a PATH_RESPONSE fits: not at all, to a datagram below 1,200 bytes, or to one that was expanded. */
export type ResponseMatch = 'none' | 'address' | 'address-and-mtu'

interface Challenge {
  readonly data: Uint8Array
  readonly expanded: boolean
  readonly sentAt: Time
}

/** The challenges of one path. */
export class PathValidation {
  readonly #random: RandomSource
  readonly #outstanding: Challenge[] = []
  #deadline: Time = NEVER
  #nextChallenge: Time = NEVER
  #interval: Duration = 0
  #isDue = false
  #isRunning = false
  /** When the challenge left that was answered last. */
  answeredSentAt: Time = -Infinity

  constructor(random: RandomSource) {
    this.#random = random
  }

  /** Whether an outcome is still awaited. */
  get isRunning(): boolean {
    return this.#isRunning
  }

  /** Whether a challenge is to be sent now. */
  get isDue(): boolean {
    return this.#isDue
  }

  /**
   * Begins a validation, or begins it anew.
   *
   * @param interval the PTO of the path, after which the first challenge is repeated.
   * @param patience after which the validation has failed.
   */
  start(interval: Duration, patience: Duration, now: Time): void {
    this.#isRunning = true
    this.#isDue = true
    this.#interval = interval
    this.#nextChallenge = NEVER
    this.#deadline = now + patience
  }

  /** Ends it without an outcome. Responses under way count for nothing any more. */
  stop(): void {
    this.#isRunning = false
    this.#isDue = false
    this.#nextChallenge = NEVER
    this.#deadline = NEVER
    this.#outstanding.length = 0
  }

  /** A challenge with fresh data (RFC 9000 §8.2.1), which counts as sent once {@link onSent} is told. */
  createChallenge(): PathChallengeFrame {
    return { type: FrameType.pathChallenge, data: randomBytes(this.#random, CHALLENGE_LENGTH) }
  }

  /** The challenge left, in a datagram of at least 1,200 bytes or in a smaller one. */
  onSent(challenge: PathChallengeFrame, expanded: boolean, now: Time): void {
    if (this.#outstanding.length === MAX_OUTSTANDING) this.#outstanding.shift()
    this.#outstanding.push({ data: challenge.data, expanded, sentAt: now })
    this.#isDue = false
    // RFC 9000 §9.4: never more often than PTOs would.
    this.#nextChallenge = now + this.#interval
    this.#interval *= 2
  }

  /** What a PATH_RESPONSE with this data says. A match ends the validation. */
  onResponse(data: Uint8Array): ResponseMatch {
    const match = this.#outstanding.find((challenge) => equalBytes(challenge.data, data))
    if (match === undefined) return 'none'
    this.stop()
    this.answeredSentAt = match.sentAt
    return match.expanded ? 'address-and-mtu' : 'address'
  }

  /** When {@link onTimeout} wants to be called. */
  nextTimeout(): Time {
    return Math.min(this.#deadline, this.#isDue ? NEVER : this.#nextChallenge)
  }

  /** `true`: the deadline has passed, the path is not usable (RFC 9000 §8.2.4). May make a challenge due. */
  onTimeout(now: Time): boolean {
    if (now >= this.#deadline) {
      this.stop()
      return true
    }
    if (now >= this.#nextChallenge) {
      this.#nextChallenge = NEVER
      this.#isDue = true
    }
    return false
  }
}
