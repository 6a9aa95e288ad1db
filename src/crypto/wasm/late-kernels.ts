/** What pages load on demand: the kernels, and the engine that uses them. */
import { WasmEngine } from './engine.ts'
import type { EngineMemory } from './memory.ts'
import { compileKernelsLater } from './modules.ts'

/** Makes engines of memories. Rejects where the kernels cannot be compiled. */
export async function kernelEngines(): Promise<(memory: EngineMemory) => WasmEngine> {
  const modules = await compileKernelsLater()
  return (memory) => new WasmEngine(modules, memory)
}
