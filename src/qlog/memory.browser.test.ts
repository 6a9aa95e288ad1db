import { afterEach, expect, test, vi } from 'vitest'
import { QlogMemory } from './memory.ts'

afterEach(() => vi.restoreAllMocks())

test('A page lets the user save a trace under its name', async () => {
  const clicked: HTMLAnchorElement[] = []
  vi.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(function (this: HTMLAnchorElement) {
    clicked.push(this)
  })
  const memory = new QlogMemory()
  memory.open({ fileName: 'ab_client.sqlog', originalDestination: 'ab', role: 'client' }).write('\u001e{}\n')
  memory.traces[0]?.download()
  memory.traces[0]?.download()
  expect(clicked.map(({ download }) => download)).toEqual(['ab_client.sqlog', 'ab_client.sqlog'])
  const response = await fetch(clicked[1]?.href ?? '')
  expect([response.headers.get('content-type'), await response.text()]).toEqual([
    'application/qlog+json-seq',
    '\u001e{}\n',
  ])
})
