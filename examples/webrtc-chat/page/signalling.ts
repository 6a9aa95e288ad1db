/** How two pages find each other: letters, which the server hands on by the name of their addressee. */

/** Writes to `name`. */
export async function post(name: string, letter: object): Promise<void> {
  await fetch(`/letters/${name}`, { method: 'POST', body: JSON.stringify(letter) })
}

/** The next letter to `name`; waits for it. */
export async function take<T>(name: string): Promise<T> {
  for (;;) {
    const response = await fetch(`/letters/${name}`)
    if (response.status === 200) return (await response.json()) as T
  }
}

/** The description of this end with all its addresses: so one letter there and one back are enough. */
export async function described(peer: RTCPeerConnection): Promise<string> {
  while (peer.iceGatheringState !== 'complete') {
    await new Promise((resolve) => peer.addEventListener('icegatheringstatechange', resolve, { once: true }))
  }
  return peer.localDescription?.sdp ?? ''
}
