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
  readonly miss: string
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
    miss: 'Half of the time is the kernel: one `sendmsg` and one `recvmsg` for each packet, on two cores that both ends share with it. libuv sends datagrams in groups by `sendmmsg` for addon authors alone; `dgram` would have to take a list of datagrams in one call, as Bun’s `sendMany` does.',
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
    miss: 'With the kernel cutting and joining datagrams, packet protection and the core are what is left: at 600 MB/s a packet may cost 2.4 µs at the dearer end. Larger batches for each call of the kernel, and an engine that seals in one pass (AES instructions in WebAssembly, which no engine of JavaScript offers) would be needed.',
  },
  {
    title: 'packet protection of 1,200 bytes, Node, in batches',
    asked: '≤ 1.2 µs',
    measure: (figures) => {
      const seal = of(figures, 'seal node')
      const open = of(figures, 'open node')
      if (seal === undefined || open === undefined) return undefined
      return { text: `${short(seal)} µs to seal, ${short(open)} to unmask and open`, isMet: seal <= 1.2 }
    },
    miss: 'One call of `node:crypto` makes the counter blocks of a batch, WebAssembly does the rest: half of the time is GHASH, which has no instruction for multiplication without carry in WebAssembly.',
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
    miss: 'All of it is arithmetic in WebAssembly with vectors of 16 bytes; wider ones, or instructions for AES, are what is missing.',
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
    miss: 'The page on the profile (profile.md) names the sites that allocate; what `dgram` allocates for each datagram, about 1 KB, is collected too and counts in the share of the collector.',
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
    miss: 'A signature, two verifications and two key agreements take 0.35 ms of OpenSSL; the rest is the key schedule of both ends, messages of TLS, and making and ending two connections.',
  },
  {
    title: 'heap per idle connection at 10,000',
    asked: '≤ 25 KB',
    measure: (figures) => {
      const ends = (['server', 'client'] as const).map((end) => of(figures, `idle ${end}`))
      const [server, client] = ends
      if (server === undefined || client === undefined) return undefined
      const isMet = Math.max(server, client) <= 25_000
      return { text: `server ${short(server / 1000)} KB, client ${short(client / 1000)} KB`, isMet }
    },
    miss: 'It is held by many small objects: the state of three packet number spaces, paths, streams, congestion control and the objects of the API. Making the rare ones when they are first needed is what would be left to do.',
  },
  {
    title: 'cost per packet at 1 and 10,000 open streams',
    asked: 'ratio ≤ 1.25',
    measure: (figures) => ratios(figures, 'streams'),
    miss: 'What grows is what the processor’s caches no longer hold.',
  },
  {
    title: 'cost per packet at 1 and 5,000 connections',
    asked: 'ratio ≤ 1.25',
    measure: (figures) => ratios(figures, 'connections'),
    miss: 'A connection brings its state, its keys and its buffers: of 5,000 that take turns none is in the caches of the processor any more when its turn comes, and the collector marks all of them.',
  },
  {
    title: 'two endpoints in one Chromium page over the pipe',
    asked: '≥ 60 MB/s',
    measure: (figures) => {
      const rate = of(figures, 'within page')
      return rate === undefined ? undefined : { text: `${short(rate)} MB/s`, isMet: rate >= 60 }
    },
    miss: 'Both ends share one thread: a packet is sealed, opened and handled twice. A kernel that takes less than 1.7 µs for ChaCha20 would need wider vectors than WebAssembly has.',
  },
]

/** The table of what must be shown, and a note for each miss. */
export function goalsGrid(figures: Figures): { readonly grid: Grid; readonly notes: readonly string[] } {
  const rows: string[][] = []
  const notes: string[] = []
  for (const { title, asked, measure, miss } of GOALS) {
    const measured = measure(figures)
    rows.push([
      title,
      asked,
      measured?.text ?? '–',
      measured === undefined ? 'not measured' : measured.isMet ? 'yes' : 'no',
    ])
    if (measured?.isMet === false) notes.push(`**${title}**: ${miss}`)
  }
  return { grid: [['figure', 'asked', 'measured', 'reached'], ...rows], notes }
}

function ratios(figures: Figures, dimension: string): Measured | undefined {
  const one = of(figures, `${dimension} one`)
  const all = of(figures, `${dimension} all`)
  if (one === undefined || all === undefined) return undefined
  const text = `${one.toFixed(2)} with one of them at work, ${all.toFixed(2)} where all send in turn`
  return { text, isMet: Math.max(one, all) <= 1.25 }
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
