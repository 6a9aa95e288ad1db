import { expect, test } from 'vitest'
import { librarySources, listFiles, readText } from './tree.ts'

const TEXT = /\.(ts|mts|mjs|js|json|md|yml|yaml|sh|html)$|^(LICENSE|\.ci\/run)$/
const files = listFiles().filter((path) => TEXT.test(path))

test('no source file has more than 500 lines', () => {
  const long = files
    .filter((path) => /\.(ts|mts|mjs)$/.test(path) && !/fixtures/.test(path))
    .map((path) => `${path}: ${readText(path).trimEnd().split('\n').length}`)
    .filter((line) => Number(line.split(': ')[1]) > 500)
  expect(long).toEqual([])
})

test('nothing is left to be done later', () => {
  const word = /\b(TODO|FIXME|XXX|HACK|not implemented)\b/
  expect(librarySources().flatMap((file) => (word.test(file.text) ? [file.path] : []))).toEqual([])
})

test('no file names a folder of one machine', () => {
  const place = /(?<![\w.~*/-])\/(?:work|root|home|Users|tmp)\/[\w.]/
  const named = files
    .filter((path) => path !== 'package-lock.json')
    .flatMap((path) =>
      readText(path)
        .split('\n')
        .map((line, index) => ({ line, at: `${path}:${index + 1}` })),
    )
    .filter(({ line }) => place.test(line))
  expect(named.map(({ at }) => at)).toEqual([])
})

test('imports name the file they mean, extension included', () => {
  const vague = librarySources().flatMap((file) =>
    file.imports
      .filter((i) => i.isRelative && !/\.(ts|wasm)$/.test(i.target))
      .map((i) => `${file.path} imports ${i.target}`),
  )
  expect(vague).toEqual([])
})
