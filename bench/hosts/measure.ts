/** Goodput where there is no UDP: a page through the gateway, two endpoints in a page and in workerd; and what the gateway costs. */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { startWorkerd } from '../../e2e/smoke/workerd.ts'
import { launchOptions } from '../../e2e/support/browsers.ts'
import { BarePage } from './bare-page.ts'
import { program } from './programs.ts'

/** Datagrams of a message that are compared. */
export const BATCHES = [1, 4, 32] as const

/** One way of sending. Rates are in Mbit/s of payload, CPU in µs for each datagram that the gateway forwards, either way. */
export interface Tunnel {
  readonly datagramsPerMessage: number
  /** Datagrams of 1,200 bytes without QUIC in them, as the target receives them. */
  readonly carrier: number
  readonly up: number
  readonly down: number
  readonly gatewayCpu: number
}

/** All of it; a list has a number for each round, in Mbit/s. */
export interface HostNumbers {
  readonly tunnels: readonly Tunnel[]
  readonly withinNode: readonly number[]
  readonly withinPage: readonly number[]
  readonly withinWorker: readonly number[]
}

/** Measures in `rounds` rounds with transfers of `bytes`. `undefined`: there is no Chromium. */
export async function measureHosts(rounds: number, bytes: number): Promise<HostNumbers | undefined> {
  const options = launchOptions('chromium')
  if (options === undefined) return undefined
  const processes: ChildProcess[] = []
  const start = async <T>(name: string, ...args: string[]): Promise<[ChildProcess, T]> => {
    const child = fork(fileURLToPath(new URL(name, import.meta.url)), args)
    processes.push(child)
    return [child, await answerOf<T>(child)]
  }
  let page: BarePage | undefined
  const worker = await startWorkerd(new Map([['worker.mjs', await program('worker')]]))
  try {
    const [, server] = await start<{ address: string; hash: number[] }>('server-process.ts')
    const [gateway, { address }] = await start<{ address: string }>('gateway-process.ts', server.address)
    page = await BarePage.open(options, await program('page'))
    const [sink, { address: target }] = await start<{ address: string }>('sink-process.ts')
    const [, { address: open }] = await start<{ address: string }>('gateway-process.ts', target, 'any')
    const count = Math.round(bytes / CARRIER_SIZE)
    const facts = { gateway: address, target: server.address, hash: server.hash, bytes }
    const tunnels: Tunnel[] = []
    const [pair] = await start('within-process.ts')
    const withinNode: number[] = []
    const withinPage: number[] = []
    const withinWorker: number[] = []
    for (let round = 0; round <= rounds; round++) {
      for (const datagramsPerMessage of BATCHES) {
        const flood = { gateway: open, target, count, datagramsPerMessage }
        const carrier = await carrierAlone(page, sink, flood)
        const numbers = { ...(await throughGateway(page, gateway, { ...facts, datagramsPerMessage })), carrier }
        // The first round is for the compilers.
        if (round > 0) tunnels.push(numbers)
      }
      const within = await page.call<number>('within', bytes)
      const response = await fetch(`${worker.url}?bytes=${bytes}`)
      const inWorker = Number(await response.text())
      pair.send(bytes)
      const { rate } = await answerOf<{ rate: number }>(pair)
      if (round === 0) continue
      withinNode.push(rate)
      withinPage.push(within)
      withinWorker.push(inWorker)
    }
    return { tunnels, withinNode, withinPage, withinWorker }
  } finally {
    worker.stop()
    await page?.close()
    for (const child of processes) child.kill()
  }
}

/** Bytes of a datagram of the carrier alone. */
const CARRIER_SIZE = 1200

interface Facts {
  readonly gateway: string
  readonly target: string
  readonly hash: readonly number[]
  readonly bytes: number
  readonly datagramsPerMessage: number
}

async function throughGateway(page: BarePage, gateway: ChildProcess, facts: Facts): Promise<Omit<Tunnel, 'carrier'>> {
  const count = async (): Promise<{ microseconds: number; datagramsUp: number; datagramsDown: number }> => {
    gateway.send('numbers')
    return await answerOf(gateway)
  }
  const before = await count()
  const rates = await page.call<{ up: number; down: number }>('tunnel', facts)
  const after = await count()
  const datagrams = after.datagramsUp + after.datagramsDown - before.datagramsUp - before.datagramsDown
  const gatewayCpu = (after.microseconds - before.microseconds) / datagrams
  return { ...rates, datagramsPerMessage: facts.datagramsPerMessage, gatewayCpu }
}

async function carrierAlone(page: BarePage, sink: ChildProcess, facts: object): Promise<number> {
  const began = await page.call<number>('flood', facts)
  sink.send('numbers')
  const { bytes, last } = await answerOf<{ bytes: number; last: number }>(sink)
  return (bytes * 8) / 1000 / (last - began)
}

function answerOf<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null): void => reject(new Error(`A process of the bench ended with ${code}`))
    child.once('exit', onExit)
    child.once('message', (message) => {
      child.off('exit', onExit)
      resolve(message as T)
    })
  })
}
