/**
 * The surroundings of an endpoint in a Durable Object. Its timers are the host's while the object lives; as an object without
 * requests is put away after a while, an alarm calls it as long as there are timers, and fires those that are due.
 */
import { defaultEnvironment } from '../api/default-environment.ts'
import type { RandomSource } from '../base/random.ts'
import type { Duration, Time } from '../base/time.ts'
import type { Environment } from '../environment.ts'

/** What of a Durable Object's storage is used. */
export interface AlarmStorage {
  setAlarm(scheduledTime: number): Promise<void>
}

/** ms between two alarms; an object without requests lives for 70 s at least. */
const ALARM_INTERVAL = 30_000

interface Timer {
  readonly at: Time
  readonly fire: () => void
  readonly cancel: () => void
}

/** An environment with alarms below its timers. */
export class AlarmClock implements Environment {
  readonly #storage: AlarmStorage
  readonly #host: Environment
  readonly #timers = new Set<Timer>()
  /** Unix ms of the alarm that is set; 0: none. */
  #alarmAt = 0

  /** @param host by default that of the runtime. */
  constructor(storage: AlarmStorage, host: Environment = defaultEnvironment()) {
    this.#storage = storage
    this.#host = host
  }

  get timerGranularity(): Duration {
    return this.#host.timerGranularity
  }

  get random(): RandomSource {
    return this.#host.random
  }

  now(): Time {
    return this.#host.now()
  }

  wallClock(): number {
    return this.#host.wallClock()
  }

  defer(task: () => void): void {
    this.#host.defer(task)
  }

  setTimer(at: Time, fire: () => void): () => void {
    const cancel = this.#host.setTimer(at, () => {
      this.#timers.delete(timer)
      fire()
    })
    const timer: Timer = { at, fire, cancel }
    this.#timers.add(timer)
    this.#arm()
    return () => {
      this.#timers.delete(timer)
      cancel()
    }
  }

  /** The object's alarm: fires what is due, and sets the next one while there are timers. */
  onAlarm(): void {
    this.#alarmAt = 0
    const now = this.now()
    for (const timer of [...this.#timers]) {
      if (timer.at > now) continue
      this.#timers.delete(timer)
      timer.cancel()
      timer.fire()
    }
    this.#arm()
  }

  /** One write of the storage each half minute, however many timers come and go. */
  #arm(): void {
    const now = this.wallClock()
    if (this.#timers.size === 0 || this.#alarmAt > now) return
    this.#alarmAt = now + ALARM_INTERVAL
    this.#storage.setAlarm(this.#alarmAt).catch(() => {
      this.#alarmAt = 0
    })
  }
}
