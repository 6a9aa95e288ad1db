/** The kernels of pages and Node, compiled from what is embedded, where the host lets one compile. */
import { AES_GCM, CHACHA20_POLY1305, RELAXABLE } from './embedded.ts'

/** Both kernels, compiled. */
export interface KernelModules {
  readonly chaCha20Poly1305: WebAssembly.Module
  readonly aesGcm: WebAssembly.Module
}

let compiled: KernelModules | undefined

/** The kernels, compiled at the first use; `undefined` where {@link compileKernels} cannot. */
export function embeddedModules(): KernelModules | undefined {
  if (typeof WebAssembly === 'undefined') return undefined
  compiled ??= compileKernels()
  return compiled
}

/**
 * Compiles the kernels, or says `undefined` where that cannot be: there is no WebAssembly (Node's `--jitless`, a browser's lockdown
 * mode), no SIMD, or the host forbids to compile (a Content-Security-Policy without `wasm-unsafe-eval`, a Worker; the main thread
 * of Chromium before 115, which compiles at most 4 KB at once).
 */
export function compileKernels(): KernelModules | undefined {
  try {
    const chaCha20Poly1305 = new WebAssembly.Module(bytesOf(CHACHA20_POLY1305))
    return { chaCha20Poly1305, aesGcm: compileRelaxed(AES_GCM, RELAXABLE) }
  } catch {
    return undefined
  }
}

/**
 * A kernel with relaxed swizzles where the host has them, which makes AES-GCM a tenth faster.
 * @param places where they are, each counted from the one before.
 */
export function compileRelaxed(base64: string, places: string): WebAssembly.Module {
  const plain = bytesOf(base64)
  const relaxed = plain.slice()
  let at = 0
  for (const distance of places.split(' ')) {
    at += Number(distance)
    relaxed[at] = 0x80
    relaxed[at + 1] = 0x02
  }
  return new WebAssembly.Module(WebAssembly.validate(relaxed) ? relaxed : plain)
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64)
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i)
  return bytes
}
