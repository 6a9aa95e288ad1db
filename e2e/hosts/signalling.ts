/** How two ends of a data channel find each other: one description there, one back, each with all its addresses in it. */

/** What a QUIC packet wants of a channel: no order, no second attempt. */
const CHANNEL: RTCDataChannelInit = { ordered: false, maxRetransmits: 0, protocol: 'isoquic.raw.v1' }

/** Firefox collects a connection that nobody holds until its channel is open, and the other end waits for it in vain. */
const held = new Set<RTCPeerConnection>()

/** Holds `peer` for as long as it has `channel`. */
function holdFor(peer: RTCPeerConnection, channel: RTCDataChannel): void {
  held.add(peer)
  channel.addEventListener('close', () => held.delete(peer))
}

/** Makes a channel over `peer`; `signal` takes the offer to the other end and fulfils with its answer. */
export async function offer(
  peer: RTCPeerConnection,
  signal: (offer: string) => Promise<string>,
): Promise<RTCDataChannel> {
  const channel = peer.createDataChannel('quic', CHANNEL)
  holdFor(peer, channel)
  await peer.setLocalDescription(await peer.createOffer())
  const answered = await signal(await described(peer))
  await peer.setRemoteDescription({ type: 'answer', sdp: answered })
  return channel
}

/** Answers an offer; `onChannel` gets the channel when it is there. */
export async function answer(
  peer: RTCPeerConnection,
  offered: string,
  onChannel: (channel: RTCDataChannel) => unknown,
): Promise<string> {
  held.add(peer)
  peer.addEventListener('datachannel', ({ channel }) => {
    holdFor(peer, channel)
    onChannel(channel)
  })
  await peer.setRemoteDescription({ type: 'offer', sdp: offered })
  await peer.setLocalDescription(await peer.createAnswer())
  return await described(peer)
}

/** The local description, once all addresses are gathered. */
async function described(peer: RTCPeerConnection): Promise<string> {
  await new Promise<void>((resolve) => {
    const look = (): void => {
      if (peer.iceGatheringState === 'complete') resolve()
    }
    peer.addEventListener('icegatheringstatechange', look)
    look()
  })
  return peer.localDescription?.sdp ?? ''
}
