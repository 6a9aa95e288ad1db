/** The server's side of the game: who is there, where, and what they say to each other. */
import type { WebTransportServer, WebTransportServerSession } from 'isoquic/webtransport'
import { decodePosition, encodeWorld, MAX_PLAYERS, type Position } from './protocol.ts'

/** ms between two worlds. */
const TICK = 33
/** Bytes of a message. */
const MAX_MESSAGE = 500

interface Player {
  readonly number: number
  readonly session: WebTransportServerSession
  /** What leaves for the player: the newest world takes the place of one that has not left. */
  readonly datagrams: WritableStreamDefaultWriter<Uint8Array>
  position: Position
}

/** Everybody who plays on one server. */
export class Game {
  readonly #players = new Map<number, Player>()
  #tick = 0

  /** Takes all who come, for as long as the server lives. */
  async run(server: WebTransportServer): Promise<void> {
    const ticking = setInterval(() => this.#send(), TICK)
    for await (const session of server.sessions) this.#join(session)
    clearInterval(ticking)
  }

  #join(session: WebTransportServerSession): void {
    const number = [...new Array(MAX_PLAYERS).keys()].find((each) => !this.#players.has(each))
    if (number === undefined) return session.close({ closeCode: 1, reason: 'The game is full' })
    session.datagrams.outgoingHighWaterMark = 1
    const datagrams = session.datagrams.createWritable().getWriter()
    const player: Player = { number, session, datagrams, position: { x: 0.5, y: 0.5 } }
    this.#players.set(number, player)
    const leave = (): void => {
      if (this.#players.delete(number)) this.#say(`player ${number} has left`)
    }
    session.closed.then(leave, leave)
    Promise.all([this.#follow(player), this.#listen(player)]).catch(() => {})
    this.#say(`player ${number} has come`)
  }

  /** Datagrams: where the player is. */
  async #follow(player: Player): Promise<void> {
    for await (const bytes of player.session.datagrams.readable) {
      player.position = decodePosition(bytes) ?? player.position
    }
  }

  /** Streams: what the player says, each message one. */
  async #listen({ number, session }: Player): Promise<void> {
    for await (const stream of session.incomingUnidirectionalStreams) {
      void readText(stream).then(
        (text) => this.#say(`player ${number}: ${text}`),
        () => {},
      )
    }
  }

  /** A world to everybody, who may lose it: the next one follows. */
  #send(): void {
    this.#tick += 1
    const players = new Map([...this.#players].map(([number, { position }]) => [number, position]))
    for (const { number, datagrams } of this.#players.values()) {
      datagrams.write(encodeWorld({ tick: this.#tick, self: number, players })).catch(() => {})
    }
  }

  /** A message to everybody, which arrives whole or not at all. */
  #say(text: string): void {
    for (const { session } of this.#players.values()) {
      void (async () => {
        const writer = (await session.createUnidirectionalStream()).getWriter()
        await writer.write(new TextEncoder().encode(text))
        await writer.close()
      })().catch(() => {})
    }
  }
}

/** All of a stream as text. @throws RangeError beyond {@link MAX_MESSAGE} bytes */
async function readText(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  let length = 0
  for await (const chunk of stream as unknown as AsyncIterable<Uint8Array>) {
    length += chunk.length
    if (length > MAX_MESSAGE) throw new RangeError(`A message has at most ${MAX_MESSAGE} bytes`)
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}
