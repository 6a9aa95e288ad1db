/** The two ends of a chat. Both are sure of the other's key when their promise fulfils. */
import { connect, listen, type QuicConnection } from 'isoquic'
import { webrtc } from 'isoquic/transports/webrtc'
import { type Identity, pinBytes } from './identity.ts'
import { described, post, take } from './signalling.ts'

const ALPN = ['chat']

/** Firefox collects a connection that nobody holds, and with it what waits for its channel. */
const peers = new Set<RTCPeerConnection>()

/** A guest's letter to its host, and the answer. */
interface Knock {
  readonly guest: string
  readonly offer: string
}

interface Answer {
  readonly answer: string
}

/** Knocks at the host whose key has the pin `host`. Rejects where another key answers, or ours is not welcome. */
export async function visit(own: Identity, host: string): Promise<QuicConnection> {
  const peer = new RTCPeerConnection()
  peers.add(peer)
  const channel = peer.createDataChannel('quic', { ordered: false, maxRetransmits: 0, protocol: 'isoquic.raw.v1' })
  await peer.setLocalDescription(await peer.createOffer())
  await post(host, { guest: own.pin, offer: await described(peer) } satisfies Knock)
  const { answer } = await take<Answer>(own.pin)
  await peer.setRemoteDescription({ type: 'answer', sdp: answer })
  const transport = await webrtc(channel)
  const connection = await connect(transport, { alpn: ALPN, spkiPins: [pinBytes(host)], certificate: own.certificate })
  await connection.handshakeConfirmed // only now has the host believed us
  return connection
}

/** Waits for a guest that `isWelcome`, and lets it in if it has the key that it named. */
export async function receive(own: Identity, isWelcome: (pin: string) => Promise<boolean>): Promise<QuicConnection> {
  for (;;) {
    const { guest, offer } = await take<Knock>(own.pin)
    if (!(await isWelcome(guest))) continue
    const peer = new RTCPeerConnection()
    peers.add(peer)
    const arrived = new Promise<RTCDataChannel>((resolve) => {
      peer.addEventListener('datachannel', ({ channel }) => resolve(channel))
    })
    await peer.setRemoteDescription({ type: 'offer', sdp: offer })
    await peer.setLocalDescription(await peer.createAnswer())
    await post(guest, { answer: await described(peer) } satisfies Answer)
    const server = await listen(await webrtc(await arrived), {
      alpn: ALPN,
      certificate: own.certificate,
      clientCertificates: { mode: 'require', spkiPins: [pinBytes(guest)] },
    })
    for await (const connection of server) return connection
  }
}

/** Sends one message: a stream of its own, which is acknowledged when this fulfils. */
export async function say(connection: QuicConnection, text: string): Promise<void> {
  const stream = await connection.createUnidirectionalStream()
  const writer = stream.writable.getWriter()
  await writer.write(new TextEncoder().encode(text))
  await writer.close()
}

/** Calls `onMessage` with each message, until the connection ends. */
export async function hear(connection: QuicConnection, onMessage: (text: string) => void): Promise<void> {
  for await (const stream of connection.incomingUnidirectionalStreams) {
    onMessage(await new Response(stream.readable).text())
  }
}
