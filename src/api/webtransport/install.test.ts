import { expect, test } from 'vitest'
import { WebTransport } from './client.ts'
import { WebTransportError } from './error.ts'
import { install } from './install.ts'
import type { WebTransportOptions } from './options.ts'
import { SessionStage } from './stage.fixtures.ts'

interface Target {
  WebTransport?: new (url: string, options?: WebTransportOptions) => WebTransport
  WebTransportError?: unknown
}

test('the class is installed with its options, and programs make sessions without any', async () => {
  const stage = new SessionStage()
  await stage.serve(() => {})
  const target: Target = {}
  expect(install({ target, ...stage.clientOptions() })).toBe(true)
  const Installed = target.WebTransport
  if (Installed === undefined) throw new Error('It is not there')
  expect(Installed.name).toBe('WebTransport')
  expect(target.WebTransportError).toBe(WebTransportError)
  expect(Object.keys(target), 'as the members of a global object').toEqual([])
  const session = new Installed('https://server.test/', { requireUnreliable: true })
  expect(session).toBeInstanceOf(WebTransport)
  await stage.environment.until(session.ready)
  session.close()
})

test('a class that is there stays, unless it is to be replaced', () => {
  class Native {}
  const target = { WebTransport: Native as unknown }
  const transport = (): never => {
    throw new Error('not to be asked')
  }
  expect(install({ target, transport })).toBe(false)
  expect(target.WebTransport).toBe(Native)
  expect(install({ target, transport, force: true })).toBe(true)
  expect(target.WebTransport).not.toBe(Native)
})
