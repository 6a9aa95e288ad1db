/** Where a process spends its time: V8's CPU profile, folded to the self time of each function, and these to categories. */
import { Session } from 'node:inspector/promises'

/** The self time of one function. */
export interface FunctionTime {
  /** Of the file, as V8 gives it; for a native function that of its nearest caller in a script. */
  readonly url: string
  readonly name: string
  /** One-based; 0 for a native function. */
  readonly line: number
  readonly microseconds: number
}

/** µs between samples. */
const INTERVAL = 200

/** Begins a profile of this process; the result ends it and folds it, the dearest function first. */
export async function startProfile(): Promise<() => Promise<FunctionTime[]>> {
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.setSamplingInterval', { interval: INTERVAL })
  await session.post('Profiler.start')
  return async () => {
    const { profile } = await session.post('Profiler.stop')
    session.disconnect()
    return fold(profile)
  }
}

interface ProfileNode {
  readonly id: number
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
  readonly children?: readonly number[] | undefined
}

/** V8's tree of calls. */
interface Profile {
  readonly nodes: readonly ProfileNode[]
  readonly samples?: readonly number[] | undefined
  readonly timeDeltas?: readonly number[] | undefined
}

/** The self times of `profile`, the dearest first. */
function fold({ nodes, samples = [], timeDeltas = [] }: Profile): FunctionTime[] {
  const self = new Map<number, number>()
  samples.forEach((id, index) => {
    // A delta is the time before its sample: the sample lasts until the next.
    self.set(id, (self.get(id) ?? 0) + Math.max(0, timeDeltas[index + 1] ?? 0))
  })
  const parents = new Map<number, ProfileNode>()
  for (const node of nodes) for (const child of node.children ?? []) parents.set(child, node)
  const times = new Map<string, { url: string; name: string; line: number; microseconds: number }>()
  for (const node of nodes) {
    const microseconds = self.get(node.id) ?? 0
    if (microseconds === 0) continue
    const { functionName, lineNumber } = node.callFrame
    const name = functionName || '(anonymous)'
    const url = urlOf(node, parents)
    const key = `${url} ${name} ${lineNumber}`
    const known = times.get(key)
    if (known === undefined) times.set(key, { url, name, line: lineNumber + 1, microseconds })
    else known.microseconds += microseconds
  }
  return [...times.values()].sort((a, b) => b.microseconds - a.microseconds)
}

function urlOf(node: ProfileNode, parents: ReadonlyMap<number, ProfileNode>): string {
  for (let at: ProfileNode | undefined = node; at !== undefined; at = parents.get(at.id)) {
    if (at.callFrame.url !== '') return at.callFrame.url
    if (at === node && /^\((?!anonymous)/.test(at.callFrame.functionName)) return ''
  }
  return ''
}

/** Whether the function only waits, or serves the profiler itself. */
export function isIdle({ name, url }: FunctionTime): boolean {
  return name === '(idle)' || url.startsWith('node:inspector')
}

/** What a function's time is spent on. */
export function categoryOf({ url, name }: FunctionTime): string {
  if (url === '') return name === '(garbage collector)' ? 'garbage collection' : 'event loop, UDP receive (native)'
  const room = /\/(src\/(?:api\/[^/]*|[^/]+)|transports|bench)\//.exec(url)?.[1]
  if (room !== undefined) return room.replace(/^src\/api\/(?!http3).*/, 'src/api')
  if (/^node:(internal\/)?crypto/.test(url)) return 'node:crypto'
  if (/^node:(internal\/)?dgram/.test(url)) return 'dgram, UDP send (kernel)'
  if (url.startsWith('node:')) return 'Node, other'
  return url.includes('node_modules') ? 'packages' : 'other'
}

/** The self time of each category in µs, the dearest first; waiting left out. */
export function byCategory(times: readonly FunctionTime[]): [category: string, microseconds: number][] {
  const sums = new Map<string, number>()
  for (const time of times) {
    if (isIdle(time)) continue
    const category = categoryOf(time)
    sums.set(category, (sums.get(category) ?? 0) + time.microseconds)
  }
  return [...sums].sort((a, b) => b[1] - a[1])
}

/** Several profiles as one, the dearest function first. */
export function merge(profiles: readonly (readonly FunctionTime[])[]): FunctionTime[] {
  const sums = new Map<string, FunctionTime>()
  for (const time of profiles.flat()) {
    const key = `${time.url} ${time.name} ${time.line}`
    const known = sums.get(key)?.microseconds ?? 0
    sums.set(key, { ...time, microseconds: known + time.microseconds })
  }
  return [...sums.values()].sort((a, b) => b.microseconds - a.microseconds)
}
