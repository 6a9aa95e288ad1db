/** A NAT on loopback: between one client and a server, with a new port whenever it is told to. Unlike one, it remembers. */
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'

const HOST = '127.0.0.1'

/** One client's NAT. The client's datagrams are kept, so that an attacker can send them again. */
export class RebindingProxy {
  /** Where the client finds the server. */
  readonly address: string
  /** What the client has sent. */
  readonly seen: Uint8Array[] = []
  /** What the server has sent. */
  readonly heard: Uint8Array[] = []
  readonly #serverPort: number
  readonly #near: Socket
  #far: Socket
  #client = 0

  private constructor(near: Socket, far: Socket, serverPort: number) {
    this.#near = near
    this.#far = far
    this.#serverPort = serverPort
    this.address = `${HOST}:${near.address().port}`
    near.on('message', (bytes, { port }) => {
      this.#client = port
      this.seen.push(Uint8Array.from(bytes))
      this.#far.send(bytes, serverPort, HOST)
    })
    this.#listen(far)
  }

  static async start(server: string): Promise<RebindingProxy> {
    return new RebindingProxy(await bound(), await bound(), Number(server.split(':')[1]))
  }

  /** From now on the server sees the client at another port. */
  async rebind(): Promise<void> {
    const before = this.#far
    this.#far = await bound()
    this.#listen(this.#far)
    before.close()
  }

  /** Sends datagrams of the client again, from another port. */
  async replay(datagrams: readonly Uint8Array[]): Promise<void> {
    const socket = await bound()
    for (const bytes of datagrams) {
      await new Promise<void>((resolve) => {
        socket.send(bytes, this.#serverPort, HOST, () => resolve())
      })
    }
    socket.close()
  }

  close(): void {
    this.#near.close()
    this.#far.close()
  }

  #listen(far: Socket): void {
    far.on('message', (bytes) => {
      this.heard.push(Uint8Array.from(bytes))
      if (this.#client !== 0) this.#near.send(bytes, this.#client, HOST)
    })
  }
}

async function bound(): Promise<Socket> {
  const socket = createSocket('udp4')
  socket.bind(0, HOST)
  await once(socket, 'listening')
  return socket
}
