/** Logs of any size are read, added up and shown in the same memory. */
import { expect, test } from 'vitest'
import { lineOf, TimelineExcerpt } from '../../src/cli/timeline.ts'
import { QlogDecoder, QlogSummarizer } from '../../src/qlog.ts'
import { heldBytes, megabytes } from '../stress/memory.ts'

const EVERYTHING = {
  kinds: new Set<string>(),
  packets: new Set<string>(),
  frames: new Set<string>(),
  from: 0,
  to: Infinity,
}

/** Ten thousand events, from the `index`th on: packets of many streams, their losses and figures. */
function block(index: number, separator: string): string {
  const events: unknown[] = []
  for (let number = index * 10_000; events.length < 10_000; number++) {
    const header = { packet_type: '1RTT', packet_number: number, dcid: number.toString(16).padStart(16, '0') }
    const frames = [{ frame_type: 'stream', stream_id: number, offset: 0, length: 1000 }]
    events.push(
      { time: number, name: 'transport:packet_sent', data: { header, frames, raw: { length: 1050 } } },
      { time: number, name: 'transport:packet_received', data: { header, frames, raw: { length: 1050 } } },
      { time: number, name: 'recovery:packet_lost', data: { header } },
      { time: number, name: 'recovery:metrics_updated', data: { latest_rtt: 1 + number, congestion_window: number } },
    )
  }
  return events.map((event) => separator + JSON.stringify(event)).join('')
}

test.each([
  ['a sequence', '\u001e{"qlog_version":"0.3"}\n', '\n\u001e'],
  ['a contained file', '{"qlog_version":"0.3","traces":[{"events":[0', ','],
])('%s of 40 MB leaves next to nothing behind', { timeout: 120_000 }, (_name, head, separator) => {
  const decoder = new QlogDecoder()
  const summarizer = new QlogSummarizer()
  const timeline = new TimelineExcerpt(40)
  let read = 0
  const take = (text: string): void => {
    const bytes = new TextEncoder().encode(text)
    read += bytes.length
    for (let at = 0; at < bytes.length; at += 65_536) {
      for (const part of decoder.decode(bytes.subarray(at, at + 65_536))) {
        if (part.kind !== 'event') continue
        summarizer.add(part.event)
        const line = lineOf(part.event, 0, EVERYTHING)
        if (line !== undefined) timeline.add(line)
      }
    }
  }
  take(head)
  for (let index = 0; index < 6; index++) take(block(index, separator))
  const before = heldBytes()
  for (let index = 6; index < 24; index++) take(block(index, separator))
  const growth = heldBytes() - before
  expect(read).toBeGreaterThan(30_000_000)
  // Streams and packets that may be lost are remembered up to a number that was not reached before.
  expect(growth, megabytes(growth)).toBeLessThan(12_000_000)
  for (const part of decoder.finish()) if (part.kind === 'event') summarizer.add(part.event)
  const { events, lost, sent } = summarizer.summary()
  expect([events, sent.packets, lost.packets, timeline.count]).toEqual([240_000, 60_000, 60_000, 180_000])
})
