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

/** What V8 calls time that belongs to no function. */
const NATIVE: ReadonlySet<string> = new Set(['(garbage collector)', '(program)', '(idle)'])

/** Begins a profile of this process; the result ends it and folds it, the dearest function first. */
export async function startProfile(): Promise<() => Promise<FunctionTime[]>> {
  const stop = await start()
  return async () => {
    const profile = await stop()
    return fold(
      profile,
      selfTimes(profile, () => true),
    )
  }
}

/** The same of what runs below each of the functions that `roots` names; a collection counts for what ran before it. */
export async function startProfileBelow(roots: readonly string[]): Promise<() => Promise<FunctionTime[][]>> {
  const stop = await start()
  return async () => {
    const profile = await stop()
    return roots.map((root) => {
      const below = idsBelow(profile, root)
      return fold(
        profile,
        selfTimes(profile, (id) => below.has(id)),
      )
    })
  }
}

async function start(): Promise<() => Promise<Profile>> {
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.setSamplingInterval', { interval: INTERVAL })
  await session.post('Profiler.start')
  return async () => {
    const { profile } = await session.post('Profiler.stop')
    session.disconnect()
    return profile
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

/** The nodes of the functions called `root`, and of all that they call. */
function idsBelow({ nodes }: Profile, root: string): ReadonlySet<number> {
  const below = new Set<number>()
  // A node comes before its children.
  for (const { callFrame, children = [], id } of nodes) {
    if (callFrame.functionName === root) below.add(id)
    if (below.has(id)) for (const child of children) below.add(child)
  }
  return below
}

/** The µs of each node that `counts`; where that of the collector and the like counts depends on what ran before. */
function selfTimes(
  { nodes, samples = [], timeDeltas = [] }: Profile,
  counts: (id: number) => boolean,
): ReadonlyMap<number, number> {
  const natives = new Set(nodes.filter(({ callFrame }) => NATIVE.has(callFrame.functionName)).map(({ id }) => id))
  const self = new Map<number, number>()
  let isCounted = true
  samples.forEach((id, index) => {
    if (!natives.has(id)) isCounted = counts(id)
    // A delta is the time before its sample: the sample lasts until the next.
    if (isCounted) self.set(id, (self.get(id) ?? 0) + Math.max(0, timeDeltas[index + 1] ?? 0))
  })
  return self
}

/** The self times of `profile`, the dearest first. */
function fold({ nodes }: Profile, self: ReadonlyMap<number, number>): FunctionTime[] {
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

/** Of the repository, whose folder may have any name. */
const HERE = new URL('../', import.meta.url).href

/** What a function's time is spent on. */
export function categoryOf({ url, name }: FunctionTime): string {
  if (url === '') return name === '(garbage collector)' ? 'garbage collection' : 'event loop, UDP receive (native)'
  const path = url.startsWith(HERE) ? url.slice(HERE.length) : url
  const room = /(?:^|\/)(src\/(?:api\/[^/]*|[^/]+)|transports|bench)\//.exec(path)?.[1]
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

/** What one function allocated. */
export interface FunctionSpace {
  readonly url: string
  readonly name: string
  /** One-based. */
  readonly line: number
  readonly bytes: number
}

/** Bytes of allocation between samples, on average. */
const SAMPLING_INTERVAL = 2048

interface SpaceNode {
  readonly callFrame: ProfileNode['callFrame']
  readonly selfSize: number
  readonly children: readonly SpaceNode[]
}

/**
 * Begins to sample what is allocated below each of the functions that `roots` names, of whatever age it gets; the result ends it
 * and folds it, the largest first.
 */
export async function startSamplingBelow(roots: readonly string[]): Promise<() => Promise<FunctionSpace[][]>> {
  const session = new Session()
  session.connect()
  await session.post('HeapProfiler.startSampling', {
    samplingInterval: SAMPLING_INTERVAL,
    includeObjectsCollectedByMajorGC: true,
    includeObjectsCollectedByMinorGC: true,
  })
  return async () => {
    const { profile } = await session.post('HeapProfiler.stopSampling')
    session.disconnect()
    return roots.map((root) => {
      const spaces = new Map<string, FunctionSpace>()
      addSpaces(profile.head, root, false, spaces)
      return [...spaces.values()].sort((a, b) => b.bytes - a.bytes)
    })
  }
}

function addSpaces(
  { callFrame, children, selfSize }: SpaceNode,
  root: string,
  isBelow: boolean,
  into: Map<string, FunctionSpace>,
): void {
  const { functionName: name, lineNumber, url } = callFrame
  const counts = isBelow || name === root
  if (counts && selfSize > 0) {
    const key = `${url} ${name} ${lineNumber}`
    into.set(key, { url, name, line: lineNumber + 1, bytes: (into.get(key)?.bytes ?? 0) + selfSize })
  }
  for (const child of children) addSpaces(child, root, counts, into)
}
