/**
 * Tells when a worker is gone, which no event says in every runtime: a lock that only its end releases, where there are locks; the
 * events of Node's workers and of ports; and else questions that it does not answer.
 */
import type { Channel, MessageEnd } from './worker-channel.ts'
import { ROOT } from './worker-protocol.ts'

/** ms between two questions. */
const BEAT = 5_000

/** ms without an answer. A worker that computes for so long is as good as gone. */
const PATIENCE = 30_000

/** What of Node's `Worker` is used. */
interface NodeWorker {
  on?(event: 'exit', listener: (code: number) => void): void
}

/** Watches the worker at the other end of `channel` until `stop` aborts. Fulfils when the worker has answered. */
export async function watchWorker(
  port: MessageEnd,
  channel: Channel,
  onGone: (why: string) => void,
  stop: AbortSignal,
): Promise<void> {
  let isReady = false
  const listen = (type: string, why: (event: Event) => string | undefined): void => {
    const listener = (event: Event): void => {
      const words = why(event)
      if (words !== undefined) onGone(words)
    }
    port.addEventListener(type, listener)
    stop.addEventListener('abort', () => port.removeEventListener(type, listener), { once: true })
  }
  // Once the script runs, an error in it is its own affair.
  listen('error', (event) =>
    isReady ? undefined : `its script failed: ${(event as Partial<ErrorEvent>).message ?? 'it could not be loaded'}`,
  )
  listen('close', () => 'its port was closed')
  const { on } = port as NodeWorker
  on?.call(port, 'exit', (code) => onGone(`it ended with ${code}`))
  const name = `isoquic-${crypto.randomUUID?.() ?? String(crypto.getRandomValues(new Uint32Array(4)))}`
  // It may end before it has its lock.
  const endBeat = beat(channel, onGone, stop)
  const hasLock = await channel.call(ROOT, 'hello', [name])
  isReady = true
  if (hasLock === true && navigator.locks !== undefined) {
    endBeat()
    navigator.locks.request(name, { signal: stop }, () => onGone('it was terminated')).catch(() => {})
  }
}

/** Asks until `stop` aborts, or until what it returns is called. Silence counts from the first answer on: a script may load for long. */
function beat(channel: Channel, onGone: (why: string) => void, stop: AbortSignal): () => void {
  let heardAt: number | undefined
  let askedAt = Date.now()
  const ask = (): void => {
    // A page that slept has not asked, and cannot complain.
    if (heardAt !== undefined && Date.now() - askedAt > 2 * BEAT) heardAt = Date.now()
    askedAt = Date.now()
    if (heardAt !== undefined && askedAt - heardAt > PATIENCE) {
      return onGone(`it did not answer for ${PATIENCE / 1000} s`)
    }
    channel.call(ROOT, 'beat').then(
      () => {
        heardAt = Date.now()
      },
      () => {},
    )
  }
  const timer = setInterval(ask, BEAT)
  // Nobody waits for a watch alone.
  ;(timer as { unref?(): void }).unref?.()
  const end = (): void => clearInterval(timer)
  stop.addEventListener('abort', end, { once: true })
  ask()
  return end
}
