/** What a connection is told of its host's timers while it runs: how late they are, and that they slept. */
import type { Duration } from '../base/time.ts'
import type { ConnectionParts } from './assembly.ts'

/**
 * Timers may be late by `granularity` from now on, as those of a page are once it is hidden. Where that is more than an ACK may
 * be late, ACKs leave on receipt.
 */
export function followTimers({ context, paths, spaces }: ConnectionParts, granularity: Duration): void {
  context.pathSettings.timerGranularity = granularity
  spaces.application.acks.timerGranularity = granularity
  for (const path of paths.paths) if (path.hasRecovery) path.recovery.pacer.granularity = granularity
}
