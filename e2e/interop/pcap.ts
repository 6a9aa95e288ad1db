/** Datagrams as a capture file, for tshark to read: classic pcap, raw IPv4, addresses 127.0.0.1. */
import { writeFileSync } from 'node:fs'

/** What was captured. */
export interface Capture {
  writeTo(path: string): void
}

const LINKTYPE_RAW = 101
const HEADERS = 16 + 20 + 8

/** Collects datagrams in memory. */
export class PcapWriter implements Capture {
  readonly #records: Buffer[] = []

  /** Copies `bytes`, as sent now. */
  add(bytes: Uint8Array, fromPort: number, toPort: number): void {
    const record = Buffer.alloc(HEADERS + bytes.length)
    const micros = Math.round((performance.timeOrigin + performance.now()) * 1000)
    const length = 28 + bytes.length
    record.writeUInt32LE(Math.floor(micros / 1e6), 0)
    record.writeUInt32LE(micros % 1e6, 4)
    record.writeUInt32LE(length, 8)
    record.writeUInt32LE(length, 12)
    record.writeUInt16BE(0x4500, 16)
    record.writeUInt16BE(length, 18)
    record.writeUInt16BE(0x4011, 24)
    record.writeUInt32BE(0x7f00_0001, 28)
    record.writeUInt32BE(0x7f00_0001, 32)
    record.writeUInt16BE(fromPort, 36)
    record.writeUInt16BE(toPort, 38)
    record.writeUInt16BE(8 + bytes.length, 40)
    record.set(bytes, HEADERS)
    this.#records.push(record)
  }

  writeTo(path: string): void {
    const head = Buffer.alloc(24)
    head.writeUInt32LE(0xa1b2_c3d4, 0)
    head.writeUInt16LE(2, 4)
    head.writeUInt16LE(4, 6)
    head.writeUInt32LE(65_535, 16)
    head.writeUInt32LE(LINKTYPE_RAW, 20)
    writeFileSync(path, Buffer.concat([head, ...this.#records]))
  }
}
