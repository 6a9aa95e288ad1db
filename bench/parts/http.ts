/** HTTP/3 beside Caddy, Bun and Node's older HTTP. */
import { measureHttp } from '../http/measure.ts'
import { HTTP_KEYS } from '../http/programs.ts'
import { httpSection } from '../http/report.ts'
import type { PartResult, Settings } from '../parts.ts'

const MEGABYTE = 1_000_000

/** Of a body, at most. */
const MOST_BYTES = 50 * MEGABYTE

/** Measures. */
export async function run(settings: Settings, say: (line: string) => void): Promise<PartResult> {
  const { rounds, quick } = settings
  const bytes = Math.min(settings.bytes, MOST_BYTES)
  const requests = quick ? { alone: 300, atOnce: 1000 } : { alone: 2000, atOnce: 10_000 }
  // Names of variants of isoquic are of no program here.
  const wanted = settings.peers?.filter((key) => HTTP_KEYS.includes(key))
  const numbers = await measureHttp({ rounds, bytes, requests, wanted, say })
  const text = `Both ends on loopback, in processes of their own: responses of 1 KB one after the other and 100 at once, bodies of ${bytes / MEGABYTE} MB each way.`
  return { sections: [httpSection(numbers, text)], numbers }
}
