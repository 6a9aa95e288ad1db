/** The kernels as files: what `npm run build:wasm` writes, and what a test compares with what is there. */
import { aesGcmKernel } from './aes-gcm.ts'
import { chaCha20Poly1305Kernel } from './chacha20-poly1305.ts'

const NODE_FOLDER = 'src/crypto/node/'
const FOLDER = 'src/crypto/wasm/'

/** Files by their paths from the root of the repository. */
export function kernelFiles(): ReadonlyMap<string, string | Uint8Array> {
  const chaCha = chaCha20Poly1305Kernel()
  const plain = aesGcmKernel(false)
  const relaxed = aesGcmKernel(true)
  return new Map<string, string | Uint8Array>([
    [`${FOLDER}chacha20-poly1305.wasm`, chaCha],
    [`${FOLDER}aes-gcm.wasm`, plain],
    [`${FOLDER}aes-gcm-relaxed.wasm`, relaxed],
    [`${FOLDER}embedded.ts`, embedded(chaCha, plain, relaxed)],
    [`${NODE_FOLDER}hybrid-kernel.ts`, hybrid(aesGcmKernel(false, true), aesGcmKernel(true, true))],
  ])
}

/** A constant as the formatter would write it. */
function constant(name: string, what: string, value: string): string {
  const start = `export const ${name}: string =`
  const isShort = start.length + value.length + 3 <= 120
  return `/** ${what}. */\n${start}${isShort ? ' ' : '\n  '}'${value}'\n`
}

function kernel(name: string, what: string, bytes: Uint8Array): string {
  return constant(name, `${what}: ${bytes.length} bytes, hexadecimal`, Buffer.from(bytes).toString('hex'))
}

function places(name: string, plain: Uint8Array, relaxed: Uint8Array): string {
  const list = relaxedPlaces(plain, relaxed).join(' ')
  return constant(name, 'Where it has a swizzle that may be relaxed, each place counted from the one before', list)
}

function embedded(chaCha: Uint8Array, plain: Uint8Array, relaxed: Uint8Array): string {
  return [
    '/** The kernels for pages, where a file of its own would be one more to load. Written by `npm run build:wasm`. */\n',
    kernel('CHACHA20_POLY1305', 'ChaCha20-Poly1305', chaCha),
    kernel('AES_GCM', 'AES-GCM', plain),
    places('RELAXABLE', plain, relaxed),
  ].join('\n')
}

function hybrid(plain: Uint8Array, relaxed: Uint8Array): string {
  return [
    '/** The kernel of AES-GCM that lets its host encrypt the blocks. Written by `npm run build:wasm`. */\n',
    kernel('HYBRID_AES_GCM', 'AES-GCM with the entry points for a host', plain),
    places('HYBRID_RELAXABLE', plain, relaxed),
  ].join('\n')
}

/** The places of the opcodes in which both modules differ, each as its distance from the one before. */
function relaxedPlaces(plain: Uint8Array, relaxed: Uint8Array): number[] {
  const places = [...plain.keys()].filter((at) => plain[at] === 0x8e && relaxed[at] === 0x80)
  const patched = plain.slice()
  for (const at of places) patched.set([0x80, 0x02], at)
  if (Buffer.compare(patched, relaxed) !== 0)
    throw new Error('The modules differ in more than the kind of their swizzles')
  return places.map((at, i) => at - (places[i - 1] ?? 0))
}
