import { describe, expect, test } from 'vitest'
import { Epoll, type EpollLibrary, EVENT_SIZE, readEvent, WAKE } from './epoll.ts'
import type { Watch } from './kernel.ts'

const READABLE = 1
const WRITABLE = 4
const ERROR = 8
const ONE_SHOT = 0x4000_0000

/** An epoll(7) that a test makes events of. */
class FakeEpoll implements EpollLibrary {
  /** What each descriptor is armed with, and its number there. */
  readonly armed = new Map<number, { readonly id: number; readonly events: number }>()
  readonly open: Set<number> = new Set()
  refuses = false
  #nextFd = 10
  #tell: ((events: Uint8Array, count: number) => void) | undefined
  readonly #ends = new Map<number, () => void>()
  waits = 0

  readonly start = (epoll: number, tell: (events: Uint8Array, count: number) => void, end: () => void): void => {
    this.waits += 1
    this.#tell = tell
    this.#ends.set(epoll, end)
  }

  epoll_create1(): number {
    return this.#descriptor()
  }

  eventfd(): number {
    return this.#descriptor()
  }

  epoll_ctl(epoll: number, operation: number, fd: number, event: Uint8Array): number {
    if (this.refuses) return -1
    const { id, happened } = readEvent(event, 0)
    if (operation === 2) this.armed.delete(fd)
    else this.armed.set(fd, { id, events: happened })
    // Nobody is waited for any more.
    if (id === WAKE && operation === 1) queueMicrotask(() => this.#ends.get(epoll)?.())
    return 0
  }

  close(fd: number): number {
    expect(this.open.delete(fd)).toBe(true)
    return 0
  }

  /** Something happens to sockets; nothing to those that are not armed. */
  happen(...happenings: [fd: number, events: number][]): void {
    const events = new Uint8Array(happenings.length * EVENT_SIZE)
    const view = new DataView(events.buffer)
    let count = 0
    for (const [fd, happened] of happenings) {
      const { id = 0, events: wanted = 0 } = this.armed.get(fd) ?? {}
      if ((wanted & (happened | ONE_SHOT)) === ONE_SHOT && happened !== ERROR) continue
      this.armed.set(fd, { id, events: 0 })
      view.setUint32(count * EVENT_SIZE, happened, true)
      view.setUint32(count * EVENT_SIZE + EVENT_SIZE - 8, id, true)
      count += 1
    }
    this.#tell?.(events, count)
  }

  #descriptor(): number {
    if (this.refuses) return -1
    this.open.add(this.#nextFd)
    return this.#nextFd++
  }
}

function watched(epoll: Epoll, fd: number): { watch: Watch; told: string[] } {
  const told: string[] = []
  const watch = epoll.add(fd, { onReadable: () => told.push('read'), onWritable: () => told.push('write') })
  return { watch, told }
}

describe('readiness by epoll', () => {
  test('is told once to whom it was asked for', () => {
    const fake = new FakeEpoll()
    const epoll = new Epoll(fake, fake.start)
    const [one, two] = [watched(epoll, 3), watched(epoll, 4)]
    fake.happen([3, READABLE])
    expect(one.told).toEqual([])
    one.watch.awaitReadable()
    two.watch.awaitReadable()
    fake.happen([3, READABLE], [4, READABLE])
    fake.happen([3, READABLE], [4, READABLE])
    expect([one.told, two.told]).toEqual([['read'], ['read']])
    one.watch.awaitReadable()
    fake.happen([3, READABLE])
    expect([one.told.length, two.told.length, fake.waits]).toEqual([2, 1, 1])
  })

  test('to read and to write are waited for beside each other', () => {
    const fake = new FakeEpoll()
    const epoll = new Epoll(fake, fake.start)
    const { watch, told } = watched(epoll, 3)
    watch.awaitReadable()
    watch.awaitWritable()
    fake.happen([3, READABLE])
    expect([told.join(), fake.armed.get(3)?.events]).toEqual(['read', WRITABLE | ONE_SHOT])
    fake.happen([3, WRITABLE])
    expect(told.join()).toBe('read,write')
    watch.awaitReadable()
    watch.awaitWritable()
    fake.happen([3, READABLE | WRITABLE])
    expect(told.join()).toBe('read,write,write,read')
  })

  test('counts errors as readiness: the next call tells', () => {
    const fake = new FakeEpoll()
    const { watch, told } = watched(new Epoll(fake, fake.start), 3)
    watch.awaitReadable()
    fake.happen([3, ERROR])
    expect(told).toEqual(['read'])
  })

  test('is not told to those who have closed, even in the same breath', () => {
    const fake = new FakeEpoll()
    const epoll = new Epoll(fake, fake.start)
    const told: string[] = []
    const two: { watch?: Watch } = {}
    const one = epoll.add(3, {
      onReadable: () => {
        told.push('one')
        two.watch?.close()
      },
      onWritable: () => one.close(),
    })
    two.watch = epoll.add(4, { onReadable: () => told.push('two'), onWritable() {} })
    one.awaitReadable()
    two.watch.awaitReadable()
    fake.happen([3, READABLE], [4, READABLE])
    expect(told).toEqual(['one'])
    one.awaitReadable()
    one.awaitWritable()
    fake.happen([3, READABLE | WRITABLE])
    one.awaitReadable()
    expect([told.join(), fake.armed.has(3), fake.armed.has(4)]).toEqual(['one', false, false])
  })

  test('is waited for while there are sockets, and then all descriptors are given back', async () => {
    const fake = new FakeEpoll()
    const epoll = new Epoll(fake, fake.start)
    const [one, two] = [watched(epoll, 3), watched(epoll, 4)]
    one.watch.close()
    one.watch.close()
    expect(fake.open.size).toBe(2)
    two.watch.close()
    const again = watched(epoll, 3)
    expect([fake.open.size, fake.waits]).toEqual([4, 2])
    await Promise.resolve()
    await Promise.resolve()
    expect(fake.open.size).toBe(2)
    again.watch.close()
    await Promise.resolve()
    await Promise.resolve()
    expect([...fake.open]).toEqual([])
  })

  test('that the system refuses is an error, and leaves no descriptors', async () => {
    const fake = new FakeEpoll()
    const epoll = new Epoll(fake, fake.start)
    fake.refuses = true
    expect(() => watched(epoll, 3)).toThrow('The system has no descriptors left')
    expect(fake.waits).toBe(0)
    fake.refuses = false
    const { watch } = watched(epoll, 3)
    fake.refuses = true
    expect(() => watched(epoll, 4)).toThrow('The system does not watch socket 4')
    fake.refuses = false
    watch.close()
    await Promise.resolve()
    await Promise.resolve()
    expect([...fake.open]).toEqual([])
  })
})
