/** The page: a host, or the guest of whoever is named behind the `#`. */
import type { QuicConnection } from 'isoquic'
import { hear, receive, say, visit } from './chat.ts'
import { createIdentity } from './identity.ts'

const element = (id: string): HTMLElement => document.getElementById(id) ?? document.body
const short = (pin: string): string => pin.match(/.{4}/g)?.slice(0, 4).join(' ') ?? ''

const own = await createIdentity()
const host = location.hash.slice(1)
element('own').textContent = short(own.pin)

function status(text: string): void {
  element('status').textContent = text
}

/** Asks whoever sits here. */
function isWelcome(pin: string): Promise<boolean> {
  element('knock').hidden = false
  element('guest').textContent = short(pin)
  return new Promise((resolve) => {
    const answer = (isYes: boolean) => (): void => {
      element('knock').hidden = true
      resolve(isYes)
    }
    element('accept').onclick = answer(true)
    element('refuse').onclick = answer(false)
  })
}

function show(text: string, author: 'me' | 'other'): void {
  const line = Object.assign(document.createElement('p'), { textContent: text, className: author })
  element('messages').append(line)
  line.scrollIntoView()
}

function chat(connection: QuicConnection): void {
  const input = element('text') as HTMLInputElement
  input.disabled = false
  input.focus()
  element('form').addEventListener('submit', (event) => {
    event.preventDefault()
    const text = input.value.trim()
    if (text === '') return
    input.value = ''
    show(text, 'me')
    say(connection, text).catch((error: Error) => status(error.message))
  })
  void hear(connection, (text) => show(text, 'other')).catch(() => {})
  const end = (error?: unknown): void => {
    input.disabled = true
    status(error instanceof Error ? error.message : 'The other side has left')
  }
  connection.closed.then(() => end(), end)
}

try {
  if (host === '') {
    const link = `${location.origin}/#${own.pin}`
    Object.assign(element('link'), { href: link, textContent: link })
    element('invitation').hidden = false
    status('Waiting for a guest')
    chat(await receive(own, isWelcome))
    element('invitation').hidden = true
  } else {
    status(`Knocking at ${short(host)}`)
    chat(await visit(own, host))
  }
  status('Connected: both keys are proven')
} catch (error) {
  status(error instanceof Error ? error.message : String(error))
}
