/**
 * How long a client listens to a path that it has left: the server may go on there until it has proven the new one (RFC 9000
 * §9.3, §9.6.2), and ask there even after that (§9.3.3).
 */
import { type Duration, NEVER, type Time } from '../base/time.ts'
import type { PathRecovery } from '../recovery/path-recovery.ts'
import type { Path } from './path.ts'

/** So many after the server was seen to have followed. */
const LEAVING_PTOS = 3

/** What {@link LeftPaths} need. */
export interface LeftPathsHost {
  /** The PTO of a path. */
  pto(recovery: PathRecovery): Duration
}

/** The retention of the paths of one client. */
export class LeftPaths {
  readonly #host: LeftPathsHost
  /** Nothing but probes has come on the new path. */
  #awaitsPeer = false

  constructor(host: LeftPathsHost) {
    this.#host = host
  }

  /** The client has moved from `old`; what it left before that has served. */
  onMoved(old: Path, paths: readonly Path[], now: Time): void {
    this.#release(old, paths, now)
    old.retainedUntil = NEVER
    this.#awaitsPeer = true
  }

  /** The server has sent something that is no probe on the path in use: it has followed. */
  onNonProbing(active: Path, paths: readonly Path[], now: Time): void {
    if (!this.#awaitsPeer) return
    this.#awaitsPeer = false
    this.#release(active, paths, now)
  }

  #release(active: Path, paths: readonly Path[], now: Time): void {
    for (const path of paths) {
      if (path.retainedUntil !== NEVER) continue
      path.retainedUntil = now + LEAVING_PTOS * Math.max(this.#host.pto(path.recovery), this.#host.pto(active.recovery))
    }
  }
}
