/** An endpoint in numbers, counted since it was made unless the name says otherwise. */

/** What became of those who asked for a connection, and of datagrams that belong to none. */
export interface EndpointStats {
  /** Connections of both roles that are not closed, now. */
  readonly connections: number
  /** Of them, those of our server whose handshake is under way, now; those who wait for a decision included. */
  readonly handshakes: number
  /** Incoming connections that wait for a decision, now. */
  readonly pending: number
  readonly accepted: number
  /** Answered with CONNECTION_CLOSE: by the application, beyond a limit, or for a wrong token. */
  readonly refused: number
  /** Asked to prove their address. */
  readonly retried: number
  /** Left without an answer by the application. */
  readonly ignored: number
  /** Initial packets left without an answer: too many, too small, damaged, made up. */
  readonly dropped: number
  /** Answers to versions that we do not speak. */
  readonly versionNegotiations: number
  /** Stateless resets sent. */
  readonly resets: number
}

/** The counts of an endpoint's door. */
export interface DoorCounts {
  accepted: number
  refused: number
  retried: number
  ignored: number
  dropped: number
  versionNegotiations: number
}

/** Counts at zero. */
export function doorCounts(): DoorCounts {
  return { accepted: 0, refused: 0, retried: 0, ignored: 0, dropped: 0, versionNegotiations: 0 }
}
