import { describe, expect, test } from 'vitest'
import { devCertificate } from '../src/api/dev.ts'
import { connect, listen } from '../src/index.ts'
import { type TransportPair, transportSuite } from './conformance.ts'
import { webrtc } from './webrtc.ts'

/** Two pages' ends of a data channel, in one page. */
async function channels(): Promise<[RTCDataChannel, RTCDataChannel]> {
  const [one, two] = [new RTCPeerConnection(), new RTCPeerConnection()]
  one.onicecandidate = ({ candidate }) => void two.addIceCandidate(candidate ?? undefined)
  two.onicecandidate = ({ candidate }) => void one.addIceCandidate(candidate ?? undefined)
  const near = one.createDataChannel('quic', { ordered: false, maxRetransmits: 0, protocol: 'isoquic.raw.v1' })
  const far = new Promise<RTCDataChannel>((resolve) => {
    two.ondatachannel = ({ channel }) => resolve(channel)
  })
  await one.setLocalDescription(await one.createOffer())
  await two.setRemoteDescription(one.localDescription ?? { type: 'offer' })
  await two.setLocalDescription(await two.createAnswer())
  await one.setRemoteDescription(two.localDescription ?? { type: 'answer' })
  near.addEventListener('close', () => [one, two].map((each) => each.close()))
  return [near, await far]
}

async function pairOf(): Promise<TransportPair> {
  const [one, two] = await channels()
  return { near: await webrtc(one), far: await webrtc(two), toFar: '', toNear: '' }
}

transportSuite("a browser's data channel", pairOf, { describe, test })

test('QUIC over a data channel moves 200 KB there and back', async () => {
  const [near, far] = await channels()
  const certificate = await devCertificate()
  await using server = await listen(await webrtc(far), { alpn: ['echo'], certificate })
  void (async () => {
    for await (const connection of server) {
      for await (const stream of connection.incomingBidirectionalStreams) {
        stream.readable.pipeTo(stream.writable).catch(() => {})
      }
    }
  })()
  const connection = await connect(await webrtc(near), {
    serverName: 'localhost',
    alpn: ['echo'],
    serverCertificateHashes: [certificate.hash],
  })
  const stream = await connection.createBidirectionalStream()
  const sent = new Uint8Array(200_000).map((_, index) => index * 7)
  const writing = new Blob([sent]).stream().pipeTo(stream.writable)
  expect(new Uint8Array(await new Response(stream.readable).arrayBuffer())).toEqual(sent)
  await writing
  await connection.close()
}, 20_000)
