/** The page: written for `WebTransport`, whoever made it. */
import { websocket } from 'isoquic/transports/websocket'
import { install } from 'isoquic/webtransport'
import { decodeWorld, encodePosition } from '../protocol.ts'
import { Arena } from './arena.ts'

interface Place {
  readonly url: string
  readonly hash: readonly number[]
  readonly gateway: string
}

const element = (id: string): HTMLElement => document.getElementById(id) ?? document.body
const place = (await (await fetch('/place.json')).json()) as Place

// Where the browser has no WebTransport, or is told not to use it, ours takes its place: HTTP/3 in a WebSocket to the gateway.
const isForced = new URL(location.href).searchParams.has('tunnel')
const isOurs = install({ transport: () => websocket({ gateway: place.gateway }), force: isForced })

const session = new WebTransport(place.url, {
  serverCertificateHashes: [{ algorithm: 'sha-256', value: Uint8Array.from(place.hash) }],
})
const arena = new Arena(element('arena') as HTMLCanvasElement)

try {
  await session.ready
  element('status').textContent = isOurs ? 'through the gateway' : 'by the browser'
  follow().catch(() => {})
  hear().catch(() => {})
  move().catch(() => {})
  talk()
  const { reason } = await session.closed
  element('status').textContent = reason === '' ? 'The game is over' : (reason ?? '')
} catch (error) {
  element('status').textContent = error instanceof Error ? error.message : String(error)
}

/** Worlds come in datagrams; those that are overtaken are dropped. */
async function follow(): Promise<void> {
  let newest = 0
  const reader = session.datagrams.readable.getReader()
  for (let { value } = await reader.read(); value !== undefined; { value } = await reader.read()) {
    const world = decodeWorld(value)
    if (world === undefined || world.tick <= newest) continue
    newest = world.tick
    arena.show(world)
    document.body.dataset['players'] = String(world.players.size)
    document.body.dataset['others'] = JSON.stringify([...world.players].filter(([number]) => number !== world.self))
  }
}

/** Our position leaves in a datagram whenever it changes, and now and then, since the last one may be lost. */
async function move(): Promise<void> {
  const datagrams: { readonly writable?: WritableStream; createWritable?(): WritableStream } = session.datagrams
  // Older browsers have the first, newer ones the second.
  const writer = (datagrams.writable ?? datagrams.createWritable?.())?.getWriter()
  if (writer === undefined) throw new TypeError('This browser cannot send datagrams')
  for (;;) {
    await arena.moved()
    await writer.write(encodePosition(arena.own))
  }
}

/** Each message is a stream of its own: it arrives whole, and waits for no other. */
async function hear(): Promise<void> {
  const reader = session.incomingUnidirectionalStreams.getReader()
  for (let { value } = await reader.read(); value !== undefined; { value } = await reader.read()) {
    void new Response(value as ReadableStream<Uint8Array<ArrayBuffer>>).text().then((text) => {
      element('messages').append(Object.assign(document.createElement('p'), { textContent: text }))
      element('messages').lastElementChild?.scrollIntoView()
    })
  }
}

function talk(): void {
  const input = element('text') as HTMLInputElement
  input.disabled = false
  element('form').addEventListener('submit', (event) => {
    event.preventDefault()
    const text = input.value.trim()
    input.value = ''
    if (text !== '') say(text).catch((error: Error) => Object.assign(element('status'), { textContent: error.message }))
  })
}

async function say(text: string): Promise<void> {
  const writer = (await session.createUnidirectionalStream()).getWriter()
  await writer.write(new TextEncoder().encode(text))
  await writer.close()
}
