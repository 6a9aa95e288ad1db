import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { kernelFiles } from '../../kernels/kernels.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

describe('the WebAssembly kernels', () => {
  test.each([...kernelFiles()])('%s is what its source makes: npm run build:wasm', (path, content) => {
    expect(Buffer.compare(readFileSync(ROOT + path), Buffer.from(content))).toBe(0)
  })

  test('are valid, and smaller than 10 KB each', () => {
    const modules = [...kernelFiles()].filter(([path]) => path.endsWith('.wasm'))
    expect(modules.length).toBe(3)
    for (const [path, content] of modules) {
      expect(content.length, path).toBeLessThan(10_000)
      expect(WebAssembly.validate(Buffer.from(content)), path).toBe(true)
    }
  })
})
