/** Workers on real sockets of the loopback interface. Which of them the kernel picks is chance, so all is done many times. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MessageChannel } from 'node:worker_threads'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { udp } from '../../../transports/udp.ts'
import { devCertificate } from '../../api/dev.ts'
import { QuicMigrationError, QuicStatelessResetError } from '../../api/errors.ts'
import { MemoryStore } from '../../api/memory.ts'
import { type Cluster, type ClusterOptions, serveCluster, type WorkerEnd } from './cluster.ts'
import { processes, type StartWorker, threads } from './engines.ts'
import { joinCluster } from './member.ts'
import type { ClusterPort } from './protocol.ts'
import { RebindingProxy } from './rebinding-proxy.fixtures.ts'
import { type Talk, Visitor, type VisitorOptions } from './visitor.fixtures.ts'
import { runWorker, type WorkerData } from './worker-script.fixtures.ts'

const SCRIPT = new URL('./worker.fixtures.ts', import.meta.url)
const WORKERS = 4
const PATIENCE = 120_000

const certificate = await devCertificate()
const { privateKey, certificate: chain } = certificate
const trust: VisitorOptions = { serverCertificateHashes: [certificate.hash], maxIdleTimeout: 60_000 }

function serve(data: Partial<WorkerData> = {}, options: Partial<ClusterOptions> = {}): Promise<Cluster> {
  const certificates = { certificate: chain, privateKey }
  return serveCluster({
    start: threads(SCRIPT),
    workers: WORKERS,
    host: '127.0.0.1',
    data: { certificate: certificates, ...data },
    startTimeout: 60_000,
    ...options,
  })
}

const closers: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function visit(address: string, options: Partial<VisitorOptions> = {}): Promise<Visitor> {
  const visitor = await Visitor.connect(address, { ...trust, ...options })
  closers.push(() => visitor.close())
  return visitor
}

/** As {@link visit}, with early data. */
async function visitEarly(address: string, options: Partial<VisitorOptions>): Promise<Visitor> {
  const visitor = await Visitor.begin(address, { ...trust, ...options })
  closers.push(() => visitor.close())
  return visitor
}

async function natOf(cluster: Cluster): Promise<RebindingProxy> {
  const proxy = await RebindingProxy.start(cluster.address)
  closers.push(() => proxy.close())
  return proxy
}

/** Migrates as soon as the worker has given an id for another path. */
async function move({ connection }: Visitor, talk: Talk): Promise<void> {
  for (;;) {
    try {
      return await connection.migrate(await udp({ host: '127.0.0.1' }))
    } catch (error) {
      if (!(error instanceof QuicMigrationError) || error.failure !== 'no-connection-id') throw error
      await talk.say('and now?')
    }
  }
}

describe('Four threads at one port', () => {
  let cluster: Cluster
  beforeAll(async () => {
    cluster = await serve()
  }, PATIENCE)
  afterAll(() => cluster.close())

  test('serve forty clients between them', { timeout: PATIENCE }, async () => {
    const greetings = await Promise.all(
      Array.from({ length: 40 }, async () => (await visit(cluster.address)).greeting()),
    )
    expect(new Set(greetings.map(({ id }) => id)).size).toBeGreaterThan(1)
    expect(greetings.every(({ refused }) => refused === 0)).toBe(true)
  })

  test('keep a client whose address is rebound again and again', { timeout: PATIENCE }, async () => {
    const proxy = await natOf(cluster)
    const visitor = await visit(proxy.address)
    const talk = await visitor.talk()
    const { id } = talk.greeting
    for (let times = 0; times < 24; times++) {
      await proxy.rebind()
      expect(await talk.say(`word ${times}`)).toBe(`word ${times}`)
    }
    const after = await visitor.greeting()
    expect(after.id).toBe(id)
    // By chance the kernel picks the same worker; 24 times in a row it does not.
    expect(after.taken).toBeGreaterThan(talk.greeting.taken)
  })

  test('keep a client that migrates again and again', { timeout: PATIENCE }, async () => {
    const visitor = await visit(cluster.address)
    await visitor.connection.handshakeConfirmed
    const talk = await visitor.talk()
    const { id } = talk.greeting
    for (let times = 0; times < 12; times++) {
      await move(visitor, talk)
      expect(await talk.say(`word ${times}`)).toBe(`word ${times}`)
    }
    const after = await visitor.greeting()
    expect(after.id).toBe(id)
    expect(after.taken).toBeGreaterThan(talk.greeting.taken)
  })

  test('resume the sessions of each other', { timeout: PATIENCE }, async () => {
    const sessionStore = new MemoryStore()
    const workers = new Set<number>()
    for (let times = 0; times < 12; times++) {
      const visitor = await visit(cluster.address, { sessionStore })
      workers.add((await visitor.greeting()).id)
      expect(await visitor.connection.ready).toMatchObject({ resumed: times > 0 })
      await visitor.connection.handshakeConfirmed
      await visitor.close()
    }
    expect(workers.size).toBeGreaterThan(1)
  })
})

describe('Workers that ask for proof of addresses', () => {
  let cluster: Cluster
  beforeAll(async () => {
    cluster = await serve({ options: { retry: 'always' } })
  }, PATIENCE)
  afterAll(() => cluster.close())

  test('take the tokens of each other, and ask nobody again who has one', { timeout: PATIENCE }, async () => {
    const tokenStore = new MemoryStore()
    const workers = new Set<number>()
    // One NAT, so that tokens are found again: they go by the server's port as well.
    const proxy = await natOf(cluster)
    const retries = (): number => proxy.heard.filter(([first = 0]) => (first & 0xf0) === 0xf0).length
    let first = 0
    for (let times = 0; times < 16; times++) {
      await proxy.rebind()
      const visitor = await visit(proxy.address, { tokenStore })
      workers.add((await visitor.greeting()).id)
      await visitor.connection.handshakeConfirmed
      await visitor.close()
      // As many as the first flight had datagrams.
      if (times === 0) first = retries()
      expect(retries()).toBe(first)
    }
    expect(first).toBeGreaterThan(0)
    expect(workers.size).toBeGreaterThan(1)
  })
})

describe('Workers that take early data', () => {
  const folder = mkdtempSync(join(tmpdir(), 'isoquic-cluster-'))
  const journal = join(folder, 'early')
  const heard = (): string[] => readFileSync(journal, 'utf8').split('\n').slice(0, -1)
  let cluster: Cluster
  beforeAll(async () => {
    writeFileSync(journal, '')
    cluster = await serve({ options: { earlyData: true }, journal })
  }, PATIENCE)
  afterAll(async () => {
    await cluster.close()
    rmSync(folder, { recursive: true })
  })

  /** A store with the sessions of a first visit. */
  const introduced = async (): Promise<MemoryStore> => {
    const sessionStore = new MemoryStore()
    const visitor = await visit(cluster.address, { sessionStore })
    await visitor.greeting()
    await visitor.connection.handshakeConfirmed
    await visitor.close()
    return sessionStore
  }

  test('take that of tickets that others gave', { timeout: PATIENCE }, async () => {
    const sessionStore = await introduced()
    const workers = new Set<number>()
    for (let times = 0; times < 12; times++) {
      const visitor = await visitEarly(cluster.address, { sessionStore })
      workers.add((await visitor.greeting()).id)
      expect(await visitor.connection.ready).toMatchObject({ resumed: true, earlyDataAccepted: true })
      await visitor.connection.handshakeConfirmed
      await visitor.close()
    }
    expect(workers.size).toBeGreaterThan(1)
  })

  test('take a copy of it nowhere in the cluster', { timeout: PATIENCE }, async () => {
    const session = taken(await introduced(), cluster.address)
    const proxy = await natOf(cluster)
    const before = heard().length
    const visitor = await visitEarly(proxy.address, { session })
    await visitor.greeting()
    expect(await visitor.connection.earlyDataAccepted).toBe(true)
    // Its Initial and 0-RTT packets, as it sent them before it heard anything.
    const flight = proxy.seen.filter(([first = 0]) => (first & 0xe0) === 0xc0)
    for (let times = 0; times < 12; times++) await proxy.replay(flight)
    // Workers that have served others since have heard the copies before.
    await Promise.all(Array.from({ length: 24 }, async () => (await visit(cluster.address)).greeting()))
    expect(heard().length - before).toBe(1)
  })
})

describe('A worker that dies', () => {
  test('has its clients reset by the others, which go on, and gets a successor', { timeout: PATIENCE }, async () => {
    const ends: WorkerEnd[] = []
    const cluster = await serve({}, { onWorkerEnd: (end) => ends.push(end) })
    closers.push(() => cluster.close())
    const visitors = await Promise.all(Array.from({ length: 16 }, () => visit(cluster.address)))
    const talks = await Promise.all(visitors.map((visitor) => visitor.talk()))
    const victim = talks[0]?.greeting.id
    cluster.workers.find(({ id }) => id === victim)?.kill()
    await Promise.all(
      talks.map(async (talk, index) => {
        const isLost = talk.greeting.id === victim
        if (!isLost) return expect(await talk.say('still there?')).toBe('still there?')
        void talk.say('still there?').catch(() => {})
        await expect(visitors[index]?.connection.closed).rejects.toThrow(QuicStatelessResetError)
      }),
    )
    await expect.poll(() => cluster.workers.length, { timeout: PATIENCE }).toBe(WORKERS)
    expect(ends.map(({ id }) => id)).toEqual([victim])
    expect(cluster.workers.map(({ id }) => id)).not.toContain(victim)
    // The kernel spreads addresses over other sockets than before; nobody notices.
    const alive = talks.filter(({ greeting }) => greeting.id !== victim)
    for (const talk of alive) expect(await talk.say('and now?')).toBe('and now?')
    const greetings = await Promise.all(
      Array.from({ length: 40 }, async () => (await visit(cluster.address)).greeting()),
    )
    expect(greetings.every(({ id }) => id !== victim)).toBe(true)
  })
})

describe('A cluster', () => {
  test('is made of processes as well', { timeout: PATIENCE }, async () => {
    const cluster = await serve({}, { start: processes(SCRIPT), workers: 2 })
    closers.push(() => cluster.close())
    const proxy = await natOf(cluster)
    const talk = await (await visit(proxy.address)).talk()
    for (let times = 0; times < 12; times++) {
      await proxy.rebind()
      expect(await talk.say(`word ${times}`)).toBe(`word ${times}`)
    }
    await cluster.close({ graceful: true, timeout: 0 })
    expect(cluster.workers).toEqual([])
  })

  test('is made of whatever has a channel: here of two in one thread', { timeout: PATIENCE }, async () => {
    const started: Promise<void>[] = []
    const start: StartWorker = () => {
      const { port1, port2 } = new MessageChannel()
      started.push(runWorker(port2 as unknown as ClusterPort))
      const gone = new Promise<undefined>((resolve) => {
        port1.on('close', () => resolve(undefined))
      })
      return { port: port1 as unknown as ClusterPort, gone, kill: () => port1.close() }
    }
    const cluster = await serve({}, { start, workers: 2 })
    closers.push(() => cluster.close())
    const proxy = await natOf(cluster)
    const talk = await (await visit(proxy.address)).talk()
    for (let times = 0; times < 12; times++) {
      await proxy.rebind()
      expect(await talk.say(`word ${times}`)).toBe(`word ${times}`)
    }
    await cluster.close()
    await Promise.all(started)
  })

  test('lets its clients finish when it is closed gracefully', { timeout: PATIENCE }, async () => {
    const cluster = await serve({}, { workers: 2 })
    const visitor = await visit(cluster.address)
    const talk = await visitor.talk()
    const closing = cluster.close({ graceful: true })
    await expect(Visitor.connect(cluster.address, { ...trust, handshakeTimeout: 2_000 })).rejects.toThrow()
    expect(await talk.say('the last word')).toBe('the last word')
    await visitor.close()
    await closing
    expect(cluster.workers).toEqual([])
  })

  test('that cannot serve says why, and leaves nothing behind', { timeout: PATIENCE }, async () => {
    const port = await freePort()
    await expect(serve({ trouble: 'throws' }, { port, workers: 2 })).rejects.toThrow('This worker will not serve')
    await expect(serve({ trouble: 'never serves' }, { port, workers: 1, startTimeout: 10 })).rejects.toThrow(
      'A worker did not serve within 10 ms',
    )
    const transport = await udp({ host: '127.0.0.1', port })
    await expect(serve({}, { port })).rejects.toMatchObject({ code: 'EADDRINUSE' })
    transport.close()
  })

  test('shares its port with no other, not even one of the same user', { timeout: PATIENCE }, async () => {
    const cluster = await serve({}, { workers: 1 })
    closers.push(() => cluster.close())
    const port = Number(cluster.address.split(':')[1])
    await expect(serve({}, { port, workers: 1 })).rejects.toMatchObject({ code: 'EADDRINUSE' })
  })

  test.each([
    [{ workers: 0 }, 'workers must be an integer from 1 to 1024, got 0'],
    [{ port: 70_000 }, 'port must be an integer from 0 to 65535, got 70000'],
    [{ handOversPerSecond: -1 }, 'handOversPerSecond must be an integer from 0 to 2147483648, got -1'],
    [{ startTimeout: 0 }, 'startTimeout must be an integer from 1 to 2147483647, got 0'],
    [{ tokenKey: new Uint8Array(16) }, 'tokenKey must have at least 32 bytes, got 16'],
    [{ start: 'x' as never }, "start must be a function, got 'x'"],
    [{ treads: 4 } as Partial<ClusterOptions>, 'options has no member treads'],
  ])('is not started with %o', async (options, message) => {
    await expect(serve({}, options)).rejects.toThrow(message)
  })

  test('is joined by those alone that were started for one', async () => {
    await expect(joinCluster()).rejects.toThrow('This is no worker of a cluster')
  })
})

/** A port that nobody had a moment ago. */
async function freePort(): Promise<number> {
  const transport = await udp({ host: '127.0.0.1' })
  transport.close()
  return transport.port
}

function taken(store: MemoryStore, server: string): Uint8Array {
  const session = store.get(server)
  if (session === undefined) throw new Error('There is no session')
  return session
}
