/** The exceptions that sessions throw at their caller. What the peer does wrong ends a session, and goes elsewhere. */
import type { SessionEnd } from './events.ts'

/** Thrown by a call that the state of a session rules out. Nothing was done. */
export class SessionStateError extends Error {
  override readonly name = 'SessionStateError'
}

/** Thrown by a call that needs a session which is over. Nothing was done. */
export class SessionClosedError extends Error {
  override readonly name = 'SessionClosedError'
  readonly end: SessionEnd

  constructor(end: SessionEnd) {
    super('The session is over')
    this.end = end
  }
}
