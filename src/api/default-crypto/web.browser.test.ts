import { expect, test } from 'vitest'
import { defaultCrypto } from '#crypto'
import { loadKernels } from '../../crypto/wasm/late-packets.ts'

test('a page begins in a memory of WebAssembly, and can have the kernels', async () => {
  const { arena } = defaultCrypto.createEngine(64)
  expect(arena.length).toBe(64)
  expect(arena.byteOffset).toBeGreaterThan(0)
  expect(await loadKernels()).toBeDefined()
})
