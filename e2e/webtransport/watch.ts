/** What there is to be seen of the sessions of a case of which nothing came. */
import type { OpenSession } from './dialogue.ts'

/** ms that the statistics may take. */
const PATIENCE = 1000

interface Watched {
  readonly path: string
  readonly session: WebTransport
  state: 'connecting' | 'open' | 'over'
}

/** The sessions that were opened through it. */
export class SessionWatch {
  readonly #sessions: Watched[] = []

  /** As `open`, with an eye on what it makes. */
  watch(open: OpenSession): OpenSession {
    return (path) => {
      const watched: Watched = { path, session: open(path), state: 'connecting' }
      this.#sessions.push(watched)
      const end = (): void => {
        watched.state = 'over'
      }
      watched.session.ready.then(() => {
        if (watched.state === 'connecting') watched.state = 'open'
      }, end)
      watched.session.closed.then(end, end)
      return watched.session
    }
  }

  /** How far each has come, and the numbers of those that are open. */
  async describe(): Promise<string> {
    const words = this.#sessions.map(async ({ path, session, state }) => {
      if (state !== 'open') return `${path} is ${state}`
      return `${path} is open, ${await numbersOf(session)}`
    })
    return (await Promise.all(words)).join('; ')
  }
}

/** What `getStats` tells, where there is such a thing. */
async function numbersOf(session: WebTransport): Promise<string> {
  const { getStats } = session as { getStats?: () => Promise<unknown> }
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('there are no numbers')), PATIENCE)
  })
  try {
    return JSON.stringify(await Promise.race([getStats?.call(session), late])) ?? 'there are no numbers'
  } catch (error) {
    return String(error)
  } finally {
    clearTimeout(timer)
  }
}
