/**
 * Bodies much larger than all buffers, each way through `fetch` and `serve`, to readers that stop again and again: 40 MB with stops
 * of 20 ms in the ordinary run, 1 GB with a stop of a second every 10 MB with ISOQUIC_STRESS=1. Every byte is checked; memory does
 * not grow. And a thousand requests at once on one connection, and the urgent before the bulk.
 */
import { expect, test } from 'vitest'
import { http3Stage, PATIENCE } from '../../src/api/http3/http3.fixtures.ts'
import { nodePackets } from '../../src/crypto/node/packets.ts'
import { quickCrypto } from '../../src/endpoint/quick-crypto.fixtures.ts'
import { testVerifier } from '../../src/x509/authority.fixtures.ts'
import { heldBytes, megabytes } from './memory.ts'

const IS_LONG = process.env['ISOQUIC_STRESS'] !== undefined
const TOTAL = IS_LONG ? 1_000_000_000 : 40_000_000
const STOP_EVERY = 10_000_000
const STOP = IS_LONG ? 1_000 : 20
const MEASUREMENTS = 4
const CHUNK = 65_536

const crypto = { ...quickCrypto(nodePackets), verifiers: [testVerifier] }
const ends = { server: { crypto }, client: { crypto } }

/** The byte at `at`. */
const byteAt = (at: number): number => (at * 7 + (at >> 8)) & 0xff

/** So many bytes, made when they are asked for. */
function source(total: number): ReadableStream<Uint8Array> {
  let at = 0
  return new ReadableStream({
    pull(controller) {
      const length = Math.min(CHUNK, total - at)
      if (length === 0) return controller.close()
      const chunk = new Uint8Array(length)
      for (let index = 0; index < length; index++) chunk[index] = byteAt(at + index)
      at += length
      controller.enqueue(chunk)
    },
  })
}

/** Reads and checks all, with stops; how much memory was held after each part. */
async function drain(body: ReadableStream<Uint8Array> | null): Promise<number[]> {
  const held: number[] = []
  const reader = body?.getReader()
  let at = 0
  let stopAt = STOP_EVERY
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true }
    if (done || value === undefined) break
    for (let index = 0; index < value.length; index += 101) {
      if (value[index] !== byteAt(at + index)) throw new Error(`Byte ${at + index} is wrong`)
    }
    at += value.length
    if (at >= stopAt) {
      stopAt += STOP_EVERY
      await new Promise((resolve) => setTimeout(resolve, STOP))
    }
    if (at >= (TOTAL / MEASUREMENTS) * (held.length + 1)) held.push(heldBytes())
  }
  expect(at).toBe(TOTAL)
  return held
}

function expectFlat(held: readonly number[]): void {
  const [first = 0, ...later] = held
  console.info(`${TOTAL / 1e6} MB; held after each part: ${held.map(megabytes).join(', ')}`)
  // The window grows to what the reader takes between its stops, which the first part has not always seen.
  expect(Math.max(...later) - first, held.map(megabytes).join(', ')).toBeLessThan(24_000_000)
}

test(`${TOTAL / 1e6} MB come to a client that stops`, { timeout: 900_000 }, async () => {
  await using stage = await http3Stage(() => new Response(source(TOTAL)), ends)
  const response = await stage.fetch('/')
  expectFlat(await drain(response.body))
  await expect.poll(() => stage.server.pendingRequests, PATIENCE).toBe(0)
})

test(`${TOTAL / 1e6} MB go to a server that stops`, { timeout: 900_000 }, async () => {
  let held: number[] = []
  await using stage = await http3Stage(async (request) => {
    held = await drain(request.body)
    return new Response('all of it')
  }, ends)
  const response = await stage.fetch('/', { method: 'PUT', body: source(TOTAL) })
  expect(await response.text()).toBe('all of it')
  expectFlat(held)
})

test('a thousand requests at once are answered on one connection', { timeout: 120_000 }, async () => {
  let most = 0
  let now = 0
  await using stage = await http3Stage(
    async (request) => {
      now += 1
      most = Math.max(most, now)
      const body = await request.text()
      // Nobody is answered before all are there.
      while (most < 1000) await new Promise((resolve) => setTimeout(resolve, 5))
      now -= 1
      return new Response(body)
    },
    { ...ends, server: { crypto, maxIncomingBidirectionalStreams: 1000 } },
  )
  const answers = Array.from({ length: 1000 }, async (_, index) => {
    const response = await stage.fetch('/', { method: 'POST', body: `request ${index}` })
    return response.text()
  })
  expect(await Promise.all(answers)).toEqual(Array.from({ length: 1000 }, (_, index) => `request ${index}`))
  expect([most, stage.transports.length, stage.client.connections.size]).toEqual([1000, 1, 1])
  await expect.poll(() => stage.server.pendingRequests, PATIENCE).toBe(0)
})

test('what is urgent overtakes the bulk', { timeout: 120_000 }, async () => {
  const size = 20_000_000
  const order: string[] = []
  await using stage = await http3Stage(
    (request) => new Response(source(request.url.endsWith('/bulk') ? size : 200_000)),
    ends,
  )
  let read = 0
  const bulk = await stage.fetch('/bulk', { priority: { urgency: 7 } })
  const reading = (async () => {
    const reader = bulk.body?.getReader()
    for (let step = await reader?.read(); step?.done === false; step = await reader?.read()) read += step.value.length
    order.push('bulk')
  })()
  while (read < 1_000_000) await new Promise((resolve) => setTimeout(resolve, 1))
  const urgent = await stage.fetch('/urgent', { priority: { urgency: 0 } })
  expect((await urgent.arrayBuffer()).byteLength).toBe(200_000)
  order.push('urgent')
  const readBefore = read
  await reading
  expect(order).toEqual(['urgent', 'bulk'])
  // Beside it came what was on its way already, and little else.
  expect(readBefore).toBeLessThan(size / 2)
})

test('the wish of a client can change while the response comes', { timeout: 120_000 }, async () => {
  let seen: { readonly urgency: number } | undefined
  await using stage = await http3Stage((_request, info) => {
    const body = source(5_000_000)
    queueMicrotask(function look() {
      seen = info.priority
      if (seen.urgency !== 1) setTimeout(look, 5)
    })
    return new Response(body)
  }, ends)
  const { responseInfo } = await import('../../src/api/http3/response-info.ts')
  const response = await stage.fetch('/', { priority: { urgency: 6 } })
  const info = responseInfo(response)
  if (info !== undefined) info.priority = { urgency: 1, incremental: true }
  await expect.poll(() => seen, PATIENCE).toEqual({ urgency: 1, incremental: true })
  await response.body?.cancel()
})
