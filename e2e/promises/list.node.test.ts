/** Proves: the list of promises in `README.md` names a test for each of them. */
import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const folder = new URL('.', import.meta.url)

test('Each promise has a test of its name, and each test is listed', () => {
  const list = readFileSync(new URL('README.md', folder), 'utf8')
  const rows = [...list.matchAll(/^\| (\d+) \| (.+?) \| (.+?) \|$/gm)].map(([, number, promise, test]) => {
    const [, file] = /^\[(.+?)\]/.exec(test ?? '') ?? []
    return { number: Number(number), promise: promise ?? '', file }
  })
  expect(rows.map(({ number }) => number)).toEqual(Array.from({ length: 18 }, (_, index) => index + 1))
  expect(rows.filter(({ file }) => file === undefined).map(({ number }) => number)).toEqual([])
  for (const { number, promise, file } of rows) {
    if (file === undefined) continue
    const [, , name] = /^test\((['"])(.+?)\1,/m.exec(readFileSync(new URL(file, folder), 'utf8')) ?? []
    expect([Number.parseInt(file, 10), name]).toEqual([number, promise])
  }
  const files = readdirSync(folder).filter((file) => file.endsWith('.test.ts') && !file.startsWith('list.'))
  expect(rows.flatMap(({ file }) => file ?? []).sort()).toEqual(files.sort())
})
