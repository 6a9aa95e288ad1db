/** How two ends of a data channel find each other: one description there, one back, each with all its addresses in it. */

/** What a QUIC packet wants of a channel: no order, no second attempt. */
const CHANNEL: RTCDataChannelInit = { ordered: false, maxRetransmits: 0, protocol: 'isoquic.raw.v1' }

/** ms for a channel to open, once both ends have said where they are. */
const LIMIT = 15_000

/** Firefox collects a connection that nobody holds until its channel is open, and the other end waits for it in vain. */
const held = new Set<RTCPeerConnection>()

/** Holds `peer` for as long as it has `channel`. */
function holdFor(peer: RTCPeerConnection, channel: RTCDataChannel): void {
  held.add(peer)
  channel.addEventListener('close', () => held.delete(peer))
}

/**
 * Makes a channel over `peer`, which is open then; `signal` takes the offer to the other end and fulfils with its answer.
 * Rejects with what there is to be seen of a connection that comes to nothing: browsers do not tell all of them.
 */
export async function offer(
  peer: RTCPeerConnection,
  signal: (offer: string) => Promise<string>,
): Promise<RTCDataChannel> {
  const channel = peer.createDataChannel('quic', CHANNEL)
  holdFor(peer, channel)
  await peer.setLocalDescription(await peer.createOffer())
  const answered = await signal(await described(peer))
  await peer.setRemoteDescription({ type: 'answer', sdp: answered })
  await opened(peer, channel)
  return channel
}

async function opened(peer: RTCPeerConnection, channel: RTCDataChannel): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const opening = new Promise<void>((resolve, reject) => {
    channel.addEventListener('open', () => resolve())
    if (channel.readyState === 'open') resolve()
    const fail = (): void => {
      const states = `ICE is ${peer.iceConnectionState}, the connection ${peer.connectionState}`
      reject(
        new Error(`The data channel did not open in ${LIMIT / 1000} s: ${states}, the channel ${channel.readyState}`),
      )
    }
    timer = setTimeout(fail, LIMIT)
  })
  await opening.finally(() => clearTimeout(timer))
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
