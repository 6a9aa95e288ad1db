/** Payloads on their way to a client, as many in one message as are ready: a message costs far more than a payload in it. */

import { udpCapsuleSize, writeUdpCapsule } from '../../transports/connect-udp.ts'
import { Writer } from '../base/writer.ts'

/** Bytes of a message beyond which it leaves at once. */
const MESSAGE_SIZE = 65_536

/** Collects capsules, and hands them over once the datagrams at hand have been read from the socket. */
export class Outbox {
  readonly #writer = new Writer(MESSAGE_SIZE)
  readonly #send: (message: Uint8Array) => void
  #isScheduled = false

  /** @param send takes a message, which is its own from then on. */
  constructor(send: (message: Uint8Array) => void) {
    this.#send = send
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
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      this.flush()
    })
  }

  /** Hands over what there is. */
  flush(): void {
    if (this.#writer.length === 0) return
    const message = this.#writer.finish().slice()
    this.#writer.clear()
    this.#send(message)
  }
}
