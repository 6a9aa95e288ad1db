import { describe, expect, test } from 'vitest'
import { devCertificate } from '../src/api/dev.ts'
import { connect, listen } from '../src/index.ts'
import { type TransportPair, transportSuite } from './conformance.ts'
import { webrtc } from './webrtc.ts'

/** Firefox collects a connection that nobody holds until it is connected. */
const held = new Set<RTCPeerConnection>()

/** Two pages' ends of a data channel, in one page. */
async function channels(): Promise<[RTCDataChannel, RTCDataChannel]> {
  const [one, two] = [new RTCPeerConnection(), new RTCPeerConnection()]
  held.add(one).add(two)
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
  near.addEventListener('close', () => {
    for (const each of [one, two]) {
      each.close()
      held.delete(each)
    }
  })
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

// As `launchOptions` has them started: a question to multicast DNS may stay without an answer.
test('browsers of the suite offer addresses, which nobody has to ask multicast DNS for', async () => {
  const peer = new RTCPeerConnection()
  held.add(peer)
  peer.createDataChannel('')
  const gathered = new Promise<void>((resolve) => {
    peer.addEventListener('icegatheringstatechange', () => peer.iceGatheringState === 'complete' && resolve())
  })
  await peer.setLocalDescription(await peer.createOffer())
  await gathered
  const candidates = peer.localDescription?.sdp.matchAll(/^a=candidate:(?:\S+ ){4}(\S+)/gm) ?? []
  const hosts = [...candidates].map(([, host = '']) => host)
  expect(hosts).not.toEqual([])
  expect(hosts.filter((host) => host.endsWith('.local'))).toEqual([])
  peer.close()
  held.delete(peer)
})

test('a channel that is closed before it has opened is refused, however long it would have waited', async () => {
  const peer = new RTCPeerConnection()
  held.add(peer)
  const channel = peer.createDataChannel('')
  await peer.setLocalDescription(await peer.createOffer())
  const opening = webrtc(channel)
  channel.close()
  await expect(opening).rejects.toThrow('The data channel was closed before it opened')
  peer.close()
  held.delete(peer)
})
