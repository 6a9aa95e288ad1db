/** UDP payloads on their way, as many in one message as are ready: a message costs far more than a payload in it. */
import { Writer } from '../src/base/writer.ts'
import { udpCapsuleSize, writeUdpCapsule } from './connect-udp.ts'

/** Bytes of a message beyond which it leaves at once. */
const MESSAGE_SIZE = 65_536

/** Collects capsules into messages. */
export class CapsuleBatch {
  readonly #writer = new Writer(MESSAGE_SIZE)
  readonly #send: (message: Uint8Array<ArrayBuffer>) => void
  readonly #defer: (task: () => void) => void
  readonly #most: number
  #count = 0
  #isScheduled = false

  /**
   * @param send takes a message, whose bytes are its own from then on.
   * @param defer runs a task once what is at hand has been added: at the end of a task, or of a turn of the event loop.
   * @param most payloads in one message; default: as many as fit.
   */
  constructor(
    send: (message: Uint8Array<ArrayBuffer>) => void,
    defer: (task: () => void) => void,
    most: number = Infinity,
  ) {
    this.#send = send
    this.#defer = defer
    this.#most = most
  }

  /** bytes that have not been handed over */
  get length(): number {
    return this.#writer.length
  }

  /** Adds the capsule of a payload. */
  add(payload: Uint8Array): void {
    const writer = this.#writer
    if (writer.length > 0 && writer.length + udpCapsuleSize(payload.length) > MESSAGE_SIZE) this.flush()
    writeUdpCapsule(writer, payload)
    this.#count += 1
    if (this.#count >= this.#most) return this.flush()
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#defer(() => {
      this.#isScheduled = false
      this.flush()
    })
  }

  /** Hands over what there is. */
  flush(): void {
    if (this.#writer.length === 0) return
    const message = this.#writer.finish()
    this.#writer.clear()
    this.#count = 0
    this.#send(message)
  }
}
