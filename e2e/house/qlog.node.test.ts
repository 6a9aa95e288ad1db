import { expect, test } from 'vitest'
import { librarySources } from './tree.ts'

/** Every file that importing `door` loads. */
function loadedBy(door: string): string[] {
  const sources = new Map(librarySources().map((file) => [file.path, file]))
  const loaded = new Set<string>([door])
  for (const path of loaded) {
    for (const { isTypeOnly, target } of sources.get(path)?.imports ?? []) if (!isTypeOnly) loaded.add(target)
  }
  return [...loaded]
}

test.each(['src/index.ts', 'src/core.ts', 'src/page-client.ts'])(
  '%s does without qlog until somebody asks for it',
  (door) => {
    const loaded = loadedBy(door)
    expect(loaded.length).toBeGreaterThan(50)
    expect(loaded.filter((path) => path.startsWith('src/qlog'))).toEqual([])
  },
)

test('qlog does without the rest of the stack but its first rooms', () => {
  const rooms = new Set(loadedBy('src/qlog.ts').map((path) => path.split('/')[1]))
  expect([...rooms].toSorted()).toEqual(['base', 'qlog', 'qlog.ts', 'wire'])
})
