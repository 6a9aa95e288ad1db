/** What the bench must show: the figures that were asked for beside those that were measured, and where the time goes of those missed. */
import type { Figures } from './parts.ts'
import type { Grid } from './section.ts'
import { short, spread } from './statistics.ts'

/** A figure that is asked for. */
interface Goal {
  readonly title: string
  /** In words. */
  readonly asked: string
  /** `undefined`: the part that measures it did not run. */
  measure(figures: Figures): Measured | undefined
  /** Of a miss: where the time goes, and what would be needed. */
  miss(figures: Figures): string
}

interface Measured {
  readonly text: string
  readonly isMet: boolean
}

const WAYS = ['download', 'upload'] as const

const GOALS: readonly Goal[] = [
  {
    title: 'dgram, MTU 1,452, Node 24 or 26, one stream',
    asked: '≥ 200 MB/s and ≥ 1.2 × lsquic in Bun; aim 250',
    measure: (figures) => {
      const best = (way: string): number | undefined =>
        greatest(of(figures, `isoquic ${way}`), of(figures, `isoquic-26 ${way}`))
      const rates = WAYS.map((way) => ({ way, own: best(way), bun: of(figures, `bun ${way}`) }))
      if (rates.some(({ own }) => own === undefined)) return undefined
      const text = rates.map(
        ({ way, own = 0, bun }) =>
          `${way} ${short(own)} MB/s${bun === undefined ? '' : `, ${(own / bun).toFixed(2)} × lsquic`}`,
      )
      const isMet = rates.every(({ own = 0, bun }) => own >= 200 && bun !== undefined && own >= 1.2 * bun)
      return { text: text.join('; '), isMet }
    },
    miss: (figures) =>
      `${packetCosts(figures, 'isoquic')} At 200 MB/s a packet may take 7.2 µs at either end, on a core of its own. \`dgram\` makes a call of the kernel for each datagram, and objects of JavaScript that are collected later; a call that takes many, as offload has, is what Node would need.`,
  },
  {
    title: 'with offload, Node 26',
    asked: '≥ 600 MB/s; aim above quinn in Deno',
    measure: (figures) => {
      const rates = WAYS.map((way) => ({
        way,
        own: greatest(of(figures, `isoquic-offload ${way}`), undefined),
        quinn: of(figures, `deno ${way}`),
      }))
      if (rates.some(({ own }) => own === undefined)) return undefined
      const text = rates.map(
        ({ way, own = 0, quinn }) =>
          `${way} ${short(own)} MB/s${quinn === undefined ? '' : ` (quinn ${short(quinn)})`}`,
      )
      return { text: text.join('; '), isMet: rates.every(({ own = 0 }) => own >= 600) }
    },
    miss: (figures) =>
      `${packetCosts(figures, 'isoquic-offload')} At 600 MB/s a packet may take 2.4 µs at either end: the core with packet protection alone would have to take less than that.`,
  },
  {
    title: 'packet protection of 1,200 bytes, Node, in batches',
    asked: '≤ 1.2 µs',
    measure: (figures) => {
      const seal = of(figures, 'seal node')
      const open = of(figures, 'open node')
      if (seal === undefined || open === undefined) return undefined
      return {
        text: `${short(seal)} µs to seal, ${short(open)} to unmask and open`,
        isMet: Math.max(seal, open) <= 1.2,
      }
    },
    miss: () =>
      'The counter blocks of a batch are one call of `node:crypto`; the rest is GHASH in WebAssembly, which has no multiplication without carry.',
  },
  {
    title: 'packet protection of 1,200 bytes, browsers and workerd',
    asked: '≤ 2.0 µs ChaCha20, ≤ 3.8 AES',
    measure: (figures) => {
      const chacha = worst(figures['seal hosts chacha'])
      const aes = worst(figures['seal hosts aes'])
      if (chacha === undefined || aes === undefined) return undefined
      return {
        text: `at most ${short(chacha)} µs ChaCha20, ${short(aes)} AES, in the slowest of them`,
        isMet: chacha <= 2 && aes <= 3.8,
      }
    },
    miss: () =>
      'All of it is arithmetic in WebAssembly on vectors of 16 bytes; wider ones, or instructions for AES, are what is missing there.',
  },
  {
    title: 'own allocations on the hot path',
    asked: '< 200 bytes a packet, GC under 3 % of the sender’s time',
    measure: (figures) => {
      const ends = (['sender', 'receiver'] as const).map((end) => of(figures, `${end} allocations`))
      const gc = greatest(of(figures, 'isoquic gc'), undefined)
      const [sender, receiver] = ends
      if (sender === undefined || receiver === undefined) return undefined
      const text = `${short(sender)} bytes at the sender, ${short(receiver)} at the receiver`
      const share = gc === undefined ? '' : `; GC ${(gc * 100).toFixed(1)} % of the sender’s time`
      return { text: text + share, isMet: Math.max(sender, receiver) < 200 && gc !== undefined && gc < 0.03 }
    },
    miss: () =>
      'The page on [where the time goes](profile.md) names the sites that allocate. What `dgram` allocates is not among these bytes, but the collector has to deal with it as well.',
  },
  {
    title: 'handshakes a second, one process, both ends, full, P-256',
    asked: '≥ 1,200',
    measure: (figures) => {
      const rates = Object.entries(figures)
        .filter(([name]) => name.startsWith('handshakes full'))
        .flatMap(([name, values]) =>
          spread(values) === undefined ? [] : [[name, spread(values)?.median ?? 0] as const],
        )
      const [best] = rates.sort((a, b) => b[1] - a[1])
      if (best === undefined) return undefined
      const [name, rate] = best
      const [way, atOnce] = name.split(' ').slice(2)
      const place = { socket: 'UDP, sockets of their own', shared: 'UDP, one socket', pipe: 'in memory' }[way ?? '']
      return { text: `${short(rate)} (${place}, ${atOnce} at once)`, isMet: rate >= 1200 }
    },
    miss: (figures) =>
      `The public-key work of both ends takes ${micros(figures, 'handshake keys')} of the ${micros(figures, 'handshake cpu')} of CPU time; the rest is the key schedule, the messages of TLS, certificates, and a connection made and ended at either end.`,
  },
  {
    title: 'heap per idle connection at 10,000',
    asked: '≤ 25 KB',
    measure: (figures) => {
      const ends = (['server', 'client'] as const).map((end) => of(figures, `idle ${end}`))
      const [server, client] = ends
      if (server === undefined || client === undefined) return undefined
      const isMet = Math.max(server, client) <= 25_000
      return {
        text: `server ${short(server / 1000)} KB, client ${short(client / 1000)} KB, of ${count(figures, 'idle')}`,
        isMet,
      }
    },
    miss: () =>
      'Many small objects hold it: packet number spaces, paths, streams, recovery, keys, and the objects of the API. Those that an idle connection does not need would have to be made later, or given back.',
  },
  {
    title: 'cost per packet at 1 and 10,000 open streams',
    asked: 'ratio ≤ 1.25',
    measure: (figures) => ratios(figures, 'streams'),
    miss: () => 'The state of many streams does not stay in the caches of the processor.',
  },
  {
    title: 'cost per packet at 1 and 5,000 connections',
    asked: 'ratio ≤ 1.25',
    measure: (figures) => ratios(figures, 'connections'),
    miss: (figures) =>
      `The state of a connection (${short((of(figures, 'idle server') ?? NaN) / 1000)} KB of heap, and its keys) is out of the caches of the processor when its turn comes, and the collector marks all of them: less state for each connection is what would be needed.`,
  },
  {
    title: 'two endpoints in one Chromium page over the pipe',
    asked: '≥ 60 MB/s',
    measure: (figures) => {
      const rate = of(figures, 'within page')
      return rate === undefined ? undefined : { text: `${short(rate)} MB/s`, isMet: rate >= 60 }
    },
    miss: () =>
      'One thread does the work of both ends: a packet is sealed, opened, and handled twice. What is left to do is the same as for a packet in the core.',
  },
]

/** The table of what must be shown, and a note for each miss. */
export function goalsGrid(figures: Figures, some: boolean): { readonly grid: Grid; readonly notes: readonly string[] } {
  const rows: string[][] = []
  const notes: string[] = []
  for (const { title, asked, measure, miss } of GOALS) {
    const measured = measure(figures)
    if (some && measured === undefined) continue
    rows.push([
      title,
      asked,
      measured?.text ?? '–',
      measured === undefined ? 'not measured' : measured.isMet ? 'yes' : 'no',
    ])
    if (measured?.isMet === false) notes.push(`**${title}**: ${miss(figures)}`)
  }
  return { grid: [['figure', 'asked', 'measured', 'reached'], ...rows], notes }
}

function ratios(figures: Figures, dimension: string): Measured | undefined {
  const one = of(figures, `${dimension} one`)
  const all = of(figures, `${dimension} all`)
  if (one === undefined || all === undefined) return undefined
  const text = `${one.toFixed(2)} where one of ${count(figures, dimension)} sends, ${all.toFixed(2)} where all send in turn`
  return { text, isMet: Math.max(one, all) <= 1.25 }
}

/** How many there were. */
function count(figures: Figures, of: string): string {
  return figures[`${of} count`]?.[0]?.toLocaleString('en') ?? 'some'
}

/** Where the time of a packet goes, in words. */
function packetCosts(figures: Figures, key: string): string {
  const micro = (name: string): string => micros(figures, name)
  const spent = `A packet takes ${micro(`${key} sender cpu`)} of CPU time at the sender and ${micro(`${key} receiver cpu`)} at the receiver.`
  const core = `The core takes ${micro('sender core')} and ${micro('receiver core')} of that, packet protection included`
  return `${spent} ${core}; a socket of \`dgram\` alone ${micro('socket send')} to send a datagram and ${micro('socket receive')} to receive it.`
}

function micros(figures: Figures, name: string): string {
  const value = of(figures, name)
  return value === undefined ? 'an unmeasured part' : `${short(value)} µs`
}

/** The median. */
function of(figures: Figures, name: string): number | undefined {
  return spread(figures[name] ?? [])?.median
}

function worst(values: readonly number[] = []): number | undefined {
  return spread(values)?.highest
}

function greatest(one: number | undefined, other: number | undefined): number | undefined {
  if (one === undefined) return other
  return other === undefined ? one : Math.max(one, other)
}
