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
    return { chaCha20Poly1305, aesGcm: new WebAssembly.Module(relaxed(AES_GCM, RELAXABLE)) }
  } catch {
    return undefined
  }
}

/** Compiles the kernels in the background. Rejects where that cannot be. */
export async function compileKernelsLater(): Promise<KernelModules> {
  const aesGcm = WebAssembly.compile(relaxed(AES_GCM, RELAXABLE))
  const chaCha20Poly1305 = WebAssembly.compile(bytesOf(CHACHA20_POLY1305))
  const modules = await Promise.all([chaCha20Poly1305, aesGcm])
  return { chaCha20Poly1305: modules[0], aesGcm: modules[1] }
}

/**
 * A kernel with relaxed swizzles where the host has them, which makes AES-GCM a tenth faster.
 * @param places where they are, each counted from the one before.
 */
export function relaxed(digits: string, places: string): Uint8Array<ArrayBuffer> {
  const plain = bytesOf(digits)
  const bytes = plain.slice()
  let at = 0
  for (const distance of places.split(' ')) {
    at += Number(distance)
    bytes[at] = 0x80
    bytes[at + 1] = 0x02
  }
  return WebAssembly.validate(bytes) ? bytes : plain
}

/** Hexadecimal, since gzip makes less of it than of base64. */
function bytesOf(digits: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(digits.length / 2)
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16)
  return bytes
}
