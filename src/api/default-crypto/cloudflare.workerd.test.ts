import { expect, test } from 'vitest'
import { defaultCrypto } from '#crypto'
import { WasmEngine } from '../../crypto/wasm/engine.ts'

test("a Worker that Cloudflare's tools build protects packets with the kernels", () => {
  expect(defaultCrypto.createEngine(64)).toBeInstanceOf(WasmEngine)
})
