/** `npm run build:wasm`: writes the kernels. The same sources give the same bytes on every machine. */
import { writeFileSync } from 'node:fs'
import { kernelFiles } from './kernels.ts'

for (const [path, content] of kernelFiles()) {
  writeFileSync(path, content)
  console.log(`${path}: ${content.length} bytes`)
}
