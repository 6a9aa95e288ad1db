/** What travels in datagrams: positions, which are worth nothing once there are newer ones. Used by the server and by the page. */

/** Where a player is, from 0 to 1 in both directions. */
export interface Position {
  readonly x: number
  readonly y: number
}

/** All players at one moment, by their numbers. */
export interface World {
  /** Of its tick: older ones that arrive later are dropped. */
  readonly tick: number
  /** Whom the datagram is for. */
  readonly self: number
  readonly players: ReadonlyMap<number, Position>
}

const STEPS = 65_535
const HEADER = 5
const PLAYER = 5

/** The most players of a world: more would not fit into a datagram. */
export const MAX_PLAYERS = 200

/** A player's own position, 4 bytes. */
export function encodePosition({ x, y }: Position): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(4)
  writePosition(new DataView(bytes.buffer), 0, { x, y })
  return bytes
}

/** `undefined`: that is none. */
export function decodePosition(bytes: Uint8Array): Position | undefined {
  return bytes.length === 4 ? readPosition(viewOf(bytes), 0) : undefined
}

/** A world, 5 bytes and 5 more for each player. */
export function encodeWorld({ tick, self, players }: World): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HEADER + PLAYER * players.size)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, tick)
  view.setUint8(4, self)
  let at = HEADER
  for (const [number, position] of players) {
    view.setUint8(at, number)
    writePosition(view, at + 1, position)
    at += PLAYER
  }
  return bytes
}

/** `undefined`: that is none. */
export function decodeWorld(bytes: Uint8Array): World | undefined {
  if (bytes.length < HEADER || (bytes.length - HEADER) % PLAYER !== 0) return undefined
  const view = viewOf(bytes)
  const players = new Map<number, Position>()
  for (let at = HEADER; at < bytes.length; at += PLAYER) players.set(view.getUint8(at), readPosition(view, at + 1))
  return { tick: view.getUint32(0), self: view.getUint8(4), players }
}

function writePosition(view: DataView, at: number, { x, y }: Position): void {
  view.setUint16(at, Math.round(Math.min(1, Math.max(0, x)) * STEPS))
  view.setUint16(at + 2, Math.round(Math.min(1, Math.max(0, y)) * STEPS))
}

function readPosition(view: DataView, at: number): Position {
  return { x: view.getUint16(at) / STEPS, y: view.getUint16(at + 2) / STEPS }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
