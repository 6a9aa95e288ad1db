/** Work that has nothing to do with isoquic and always costs the same on one machine: what its costs are compared with. */
import {
  createCipheriv,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  diffieHellman,
  generateKeyPairSync,
  sign,
  verify,
} from 'node:crypto'
import process from 'node:process'

/** µs of CPU time of this thread, where Node tells (23.9 and newer), else of the process. */
export function cpuTime(): number {
  const { system, user } = process.threadCpuUsage?.() ?? process.cpuUsage()
  return system + user
}

const KEY = createSecretKey(new Uint8Array(16))
const PACKET = new Uint8Array(1200)

/** µs of CPU that AES-128-GCM of `node:crypto` takes for 1,200 bytes, and a copy of them, of `count`. */
export function packetReference(count: number): number {
  const nonce = new Uint8Array(12)
  const target = new Uint8Array(1200)
  const start = cpuTime()
  for (let index = 0; index < count; index++) {
    const cipher = createCipheriv('aes-128-gcm', KEY, nonce)
    target.set(cipher.update(PACKET))
    cipher.final()
    cipher.getAuthTag()
  }
  return (cpuTime() - start) / count
}

/** µs of CPU that the public-key work of both ends of a full handshake takes, of `count`: P-256 signature, X25519 twice, P-256 verification twice. */
export function handshakeReference(count: number): number {
  const signer = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const pair = generateKeyPairSync('x25519')
  const privateKey = createPrivateKey(pair.privateKey.export({ type: 'pkcs8', format: 'pem' }))
  const publicKey = createPublicKey(pair.publicKey.export({ type: 'spki', format: 'pem' }))
  const start = cpuTime()
  for (let index = 0; index < count; index++) {
    const signature = sign('sha256', PACKET, signer.privateKey)
    for (let times = 0; times < 2; times++) {
      verify('sha256', PACKET, signer.publicKey, signature)
      generateKeyPairSync('x25519')
      diffieHellman({ privateKey, publicKey })
    }
  }
  return (cpuTime() - start) / count
}
