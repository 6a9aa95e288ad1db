/**
 * What every datagram transport must do, as a suite that each of them passes. It needs a test runner's `describe` and
 * `test`, which are handed in, and nothing else, so that transports of others can be held to it as well.
 */
import { equalBytes } from '../src/base/bytes.ts'
import type { DatagramSink, DatagramTransport, Ecn, PathAddress } from '../src/transport.ts'

/** Two transports that reach each other, neither opened yet. */
export interface TransportPair {
  readonly near: DatagramTransport
  readonly far: DatagramTransport
  /** What `near` sends to in order to reach `far`. */
  readonly toFar: PathAddress
  /** What `far` sends to in order to reach `near`. */
  readonly toNear: PathAddress
}

/** The two functions of a test runner that the suite uses. */
export interface TestRunner {
  describe(name: string, body: () => void): void
  test(name: string, body: () => Promise<void>): void
}

/** One datagram as it arrived, copied. */
interface Received {
  readonly bytes: Uint8Array
  readonly from: PathAddress
}

/** A sink that keeps what it hears and lets tests wait for it. */
class Inbox implements DatagramSink {
  readonly received: Received[] = []
  drains = 0
  closedWith: (Error | undefined)[] = []
  /** Thrown by the next datagram. */
  failure: Error | undefined
  #waiting: (() => void)[] = []

  datagram(bytes: Uint8Array, from: PathAddress, _ecn?: Ecn, segmentSize = bytes.length): void {
    for (let start = 0; start < bytes.length || start === 0; start += Math.max(1, segmentSize)) {
      this.received.push({ bytes: Uint8Array.from(bytes.subarray(start, start + segmentSize)), from })
    }
    // Bytes belong to the sink during the call alone; writing over them must harm nobody.
    bytes.fill(0xee)
    this.#wake()
    const { failure } = this
    this.failure = undefined
    if (failure !== undefined) throw failure
  }

  drain(): void {
    this.drains++
    this.#wake()
  }

  closed(error?: Error): void {
    this.closedWith.push(error)
    this.#wake()
  }

  /** Resolves once `condition` holds, which is asked again after each event. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  /** Resolves once `count` datagrams have arrived. */
  arrived(count: number): Promise<void> {
    return this.until(() => this.received.length >= count)
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }
}

interface OpenPair extends TransportPair {
  readonly nearInbox: Inbox
  readonly farInbox: Inbox
}

/** `length` bytes that tell datagrams apart. */
function payload(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (seed * 31 + i * 7) & 0xff)
}

function check(condition: boolean, message: string): void {
  if (!condition) throw new Error(message)
}

function throws(call: () => void, name: string): void {
  try {
    call()
  } catch (error) {
    check(error instanceof Error && error.name === name, `Expected ${name}, got ${String(error)}`)
    return
  }
  throw new Error(`Expected ${name}, but nothing was thrown`)
}

/**
 * Declares the suite for one transport. `makePair` makes a fresh pair for each test; the suite closes it. The pair must
 * not lose datagrams that are sent slowly.
 */
export function transportSuite(name: string, makePair: () => Promise<TransportPair>, runner: TestRunner): void {
  const test = (title: string, body: (pair: OpenPair) => Promise<void>): void => {
    runner.test(title, async () => {
      const pair = await makePair()
      const [nearInbox, farInbox] = [new Inbox(), new Inbox()]
      pair.near.open(nearInbox)
      pair.far.open(farInbox)
      try {
        await body({ ...pair, nearInbox, farInbox })
      } finally {
        pair.near.close()
        pair.far.close()
      }
    })
  }
  runner.describe(name, () => {
    describeDelivery(test)
    describeLimits(test)
    describeClosing(test)
    describeResolving(test)
    runner.test('what arrives before open is delivered then or lost, never an error', async () => {
      const { near, far, toFar } = await makePair()
      near.open(new Inbox())
      near.send(payload(50, 1), toFar, 0)
      const inbox = new Inbox()
      far.open(inbox)
      near.send(payload(60, 2), toFar, 0)
      await inbox.until(() => inbox.received.some(({ bytes }) => bytes.length === 60))
      near.close()
      far.close()
    })
  })
}

type DeclareTest = (title: string, body: (pair: OpenPair) => Promise<void>) => void

function describeDelivery(test: DeclareTest): void {
  test('a transport says what it is', async ({ near }) => {
    check(near.maxDatagramSize >= 1200, `maxDatagramSize is ${near.maxDatagramSize}`)
    check(typeof near.localAddress === 'string', 'localAddress is no string')
    for (const key of ['reliable', 'ordered', 'congestionControlled', 'addressValidated', 'ecn'] as const) {
      check(typeof near.properties[key] === 'boolean', `properties.${key} is no boolean`)
    }
  })

  test('datagrams arrive whole, from an address that answers', async ({ near, far, toFar, nearInbox, farInbox }) => {
    near.send(payload(100, 1), toFar, 0)
    await farInbox.arrived(1)
    const [first] = farInbox.received
    check(first !== undefined && equalBytes(first.bytes, payload(100, 1)), 'The bytes differ')
    far.send(payload(1200, 2), first?.from ?? '', 0)
    await nearInbox.arrived(1)
    check(equalBytes(nearInbox.received[0]?.bytes ?? payload(0, 0), payload(1200, 2)), 'The answer differs')
  })

  test('nothing is delivered within the call of send', async ({ near, toFar, farInbox }) => {
    near.send(payload(10, 1), toFar, 0)
    check(farInbox.received.length === 0, 'A datagram arrived before send returned')
    await farInbox.arrived(1)
  })

  test('datagrams arrive in order where that is promised', async ({ near, toFar, farInbox }) => {
    for (let i = 0; i < 50; i++) near.send(payload(20 + i, i), toFar, 0)
    await farInbox.arrived(50)
    const lengths = farInbox.received.map(({ bytes }) => bytes.length)
    if (near.properties.ordered)
      check(
        lengths.every((length, i) => length === 20 + i),
        `Order: ${lengths}`,
      )
    check(new Set(lengths).size === 50, 'A datagram arrived twice')
  })

  test('bytes may be written over as soon as send has returned true', async ({ near, toFar, farInbox }) => {
    const bytes = payload(300, 5)
    check(near.send(bytes, toFar, 0), 'An idle transport has no room')
    bytes.fill(0)
    await farInbox.arrived(1)
    check(equalBytes(farInbox.received[0]?.bytes ?? bytes, payload(300, 5)), 'The bytes differ')
  })

  test('a batch arrives as its datagrams, the last of which may be shorter', async ({ near, toFar, farInbox }) => {
    if (near.sendBatch === undefined) return
    const bytes = payload(2 * 1200 + 300, 9)
    near.sendBatch(bytes, 1200, toFar, 0)
    await farInbox.arrived(3)
    const joined = farInbox.received.map(({ bytes: part }) => part.length).sort((a, b) => b - a)
    check(joined.join() === '1200,1200,300', `Lengths: ${joined}`)
    check(
      farInbox.received.every(({ bytes: part }) =>
        [0, 1200, 2400].some((start) => equalBytes(part, bytes.subarray(start, start + part.length))),
      ),
      'The bytes differ',
    )
    near.sendBatch(payload(40, 1), 1200, toFar, 0)
    await farInbox.arrived(4)
    check(farInbox.received[3]?.bytes.length === 40, 'A batch of one differs')
  })

  test('a sink that throws harms neither the transport nor later datagrams', async ({ near, toFar, farInbox }) => {
    farInbox.failure = new Error('Thrown by a sink, on purpose')
    near.send(payload(10, 1), toFar, 0)
    await farInbox.arrived(1)
    near.send(payload(11, 2), toFar, 0)
    await farInbox.arrived(2)
  })
}

function describeLimits(test: DeclareTest): void {
  test('the longest datagram arrives, a longer one is lost', async ({ near, toFar, farInbox }) => {
    const { maxDatagramSize } = near
    near.send(payload(maxDatagramSize + 1, 1), toFar, 0)
    near.send(payload(maxDatagramSize, 2), toFar, 0)
    await farInbox.arrived(1)
    check(equalBytes(farInbox.received[0]?.bytes ?? payload(0, 0), payload(maxDatagramSize, 2)), 'The bytes differ')
  })

  test('an empty datagram is delivered as such or lost', async ({ near, toFar, farInbox }) => {
    near.send(payload(0, 0), toFar, 0)
    near.sendBatch?.(payload(0, 0), 1200, toFar, 0)
    near.send(payload(10, 1), toFar, 0)
    await farInbox.until(() => farInbox.received.some(({ bytes }) => bytes.length === 10))
    check(
      farInbox.received.every(({ bytes }) => bytes.length === 0 || bytes.length === 10),
      'Something else arrived',
    )
  })

  test('after false there is a drain, and then room', async ({ near, toFar, nearInbox, farInbox }) => {
    const bytes = payload(1200, 3)
    let sent = 0
    while (sent < 5000 && near.send(bytes, toFar, 0)) sent++
    // A transport may always have room.
    if (sent === 5000) return
    check(nearInbox.drains === 0, 'A drain came before it was owed')
    near.send(bytes, toFar, 0)
    await nearInbox.until(() => nearInbox.drains > 0)
    check(nearInbox.drains === 1, `${nearInbox.drains} drains for one false`)
    check(near.send(payload(77, 1), toFar, 0), 'No room after drain')
    await farInbox.until(() => farInbox.received.some(({ bytes: { length } }) => length === 77))
  })
}

function describeClosing(test: DeclareTest): void {
  test('an end that is closed hears so once, without an error', async ({ near, nearInbox }) => {
    near.close()
    near.close()
    await nearInbox.until(() => nearInbox.closedWith.length > 0)
    check(nearInbox.closedWith.length === 1 && nearInbox.closedWith[0] === undefined, 'Closed more than once')
  })

  test('what was sent before close arrives', async ({ near, toFar, farInbox }) => {
    near.send(payload(80, 4), toFar, 0)
    near.close()
    await farInbox.arrived(1)
  })

  test('a closed end neither sends nor throws nor hears', async ({ near, far, toFar, toNear, nearInbox, farInbox }) => {
    near.close()
    near.send(payload(10, 1), toFar, 0)
    near.sendBatch?.(payload(10, 1), 10, toFar, 0)
    far.send(payload(10, 2), toNear, 0)
    await nearInbox.until(() => nearInbox.closedWith.length > 0)
    far.send(payload(10, 3), toNear, 0)
    far.close()
    await farInbox.until(() => farInbox.closedWith.length > 0)
    check(nearInbox.received.length === 0, 'A closed end heard a datagram')
    check(farInbox.received.length === 0, 'A closed end sent a datagram')
    check(nearInbox.closedWith.length === 1 && farInbox.closedWith.length === 1, 'Closed more than once')
  })

  test('both ends may be closed at once', async ({ near, far, nearInbox, farInbox }) => {
    near.close()
    far.close()
    await nearInbox.until(() => nearInbox.closedWith.length > 0)
    await farInbox.until(() => farInbox.closedWith.length > 0)
    check(nearInbox.closedWith.length === 1 && farInbox.closedWith.length === 1, 'Closed more than once')
  })

  test('a second sink is refused, and any sink after close', async ({ near, nearInbox }) => {
    throws(() => near.open(new Inbox()), 'InvalidStateError')
    near.close()
    throws(() => near.open(new Inbox()), 'InvalidStateError')
    await nearInbox.until(() => nearInbox.closedWith.length > 0)
    throws(() => near.open(new Inbox()), 'InvalidStateError')
  })

  test('a sink may close its transport from within', async ({ near, far, toFar, farInbox }) => {
    const { datagram } = farInbox
    farInbox.datagram = (...all) => {
      datagram.apply(farInbox, all)
      far.close()
    }
    near.send(payload(10, 1), toFar, 0)
    near.send(payload(10, 2), toFar, 0)
    await farInbox.until(() => farInbox.closedWith.length > 0)
    check(farInbox.received.length === 1, 'A closed end heard a datagram')
  })
}

function describeResolving(test: DeclareTest): void {
  test('a name without address is a rejection', async ({ near }) => {
    if (near.resolve === undefined) return
    let error: unknown
    await near.resolve('name.invalid', 443).catch((reason: unknown) => {
      error = reason
    })
    check(error instanceof Error, 'A name that cannot be resolved was resolved')
  })
}
