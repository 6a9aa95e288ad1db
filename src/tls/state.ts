/**
 * One object per state of the handshake, as RFC 8446 §A draws them: what is known in a state is in its fields, what is not
 * known yet has no place in it.
 */
import type { Eventually } from '../crypto/eventually.ts'
import type { HandshakeMessage } from './message.ts'
import type { TlsLevel } from './session.ts'

/** A state: what may come next, and what it leads to. */
export interface State {
  /** The level at which the next message is expected (RFC 9001 §4.1.3). */
  readonly readLevel: TlsLevel
  /**
   * Handles one message and returns the next state, itself included. Nothing else is called until that is there.
   * @throws TlsAlert (or rejects with one) when the message is not what RFC 8446 allows here.
   */
  handle(message: HandshakeMessage): Eventually<State>
}
