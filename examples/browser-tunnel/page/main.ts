/** The page: QUIC through the gateway to a server on UDP, and, in the second tab, QUIC between two endpoints in this very page. */
import { connect, listen } from 'isoquic'
import { devCertificate } from 'isoquic/dev'
import { websocket } from 'isoquic/transports/websocket'
import { ALPN, serve } from '../transfer.ts'
import { type LinkSettings, link } from './link.ts'
import { Panel } from './panel.ts'

/** What `run.ts` tells the page: where things are, and whom to trust. */
interface Place {
  readonly gateway: string
  readonly target: string
  readonly hash: readonly number[]
}

const place: Place = await (await fetch('/place.json')).json()

const tunnel = new Panel(tab('tunnel'), async ({ observer }) => {
  const transport = await websocket({ gateway: place.gateway, target: place.target })
  const value = new Uint8Array(place.hash)
  return await connect(transport, {
    alpn: [ALPN],
    serverName: 'localhost',
    serverCertificateHashes: [{ algorithm: 'sha-256', value }],
    observer,
  })
})

const settings: LinkSettings = { delay: 20, loss: 0, rate: 20 }
for (const input of document.querySelectorAll<HTMLInputElement>('input[type=range]')) {
  const read = (): void => {
    const value = Number(input.value)
    if (input.name === 'loss') settings.loss = value / 100
    else if (input.name === 'delay') settings.delay = value
    else settings.rate = value
    const output = input.parentElement?.querySelector('output')
    if (output) output.value = `${value} ${input.dataset['unit']}`
  }
  input.addEventListener('input', read)
  read()
}

const pipe = new Panel(tab('pipe'), async ({ observer }) => {
  const [near, far] = link(settings)
  const certificate = await devCertificate()
  const server = await listen(far, { alpn: [ALPN], certificate })
  void (async () => {
    for await (const connection of server) serve(connection)
  })()
  const connection = await connect(near, { alpn: [ALPN], serverCertificateHashes: [certificate.hash], observer })
  const end = (): void => void server.close()
  connection.closed.then(end, end)
  return connection
})

const opened = new Set<string>()

/** Shows one tab, and connects it the first time. */
function show(name: string): void {
  for (const each of ['tunnel', 'pipe']) {
    tab(each).hidden = each !== name
    document.querySelector(`nav a[href="#${each}"]`)?.toggleAttribute('aria-current', each === name)
  }
  if (opened.has(name)) return
  opened.add(name)
  void (name === 'tunnel' ? tunnel : pipe).connect()
}

const chosen = (): string => (location.hash === '#pipe' ? 'pipe' : 'tunnel')
addEventListener('hashchange', () => show(chosen()))
show(chosen())

function tab(name: string): HTMLElement {
  const element = document.getElementById(name)
  if (element === null) throw new Error(`The page has no tab ${name}`)
  return element
}
