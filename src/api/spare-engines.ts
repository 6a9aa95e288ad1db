/**
 * Engines of endpoints that served one connection, kept for the next: a memory of WebAssembly costs more than a handshake's
 * arithmetic to make, and a full collection of garbage soon after.
 */
import type { CryptoProvider, PacketEngine } from '../crypto/provider.ts'
import { SINGLE_ARENA_BYTES } from '../endpoint/endpoint.ts'

/** Engines that are kept of one provider, each of some 800 KB. */
const MAX_SPARE = 4

const spare = /* @__PURE__ */ new WeakMap<CryptoProvider, PacketEngine[]>()

/** An engine for one connection, whose arena may hold anything. */
export function takeEngine(crypto: CryptoProvider): PacketEngine {
  return spare.get(crypto)?.pop() ?? crypto.createEngine(SINGLE_ARENA_BYTES)
}

/** Takes an engine back that nobody uses any more, and whose protectors are discarded. */
export function giveEngine(crypto: CryptoProvider, engine: PacketEngine): void {
  const kept = spare.get(crypto)
  if (kept === undefined) spare.set(crypto, [engine])
  else if (kept.length < MAX_SPARE) kept.push(engine)
}
