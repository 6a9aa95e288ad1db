/** Datagrams and 0-RTT (RFC 9221 §3): what was remembered of the peer counts until the handshake says more. */
import { describe, expect, test } from 'vitest'
import { TransportErrorCode } from '../wire/transport-error.ts'
import { type EarlyVisit, firstVisit, nextVisit } from './early-data.fixtures.ts'

/** Sends a datagram from the client. */
function send({ pair, client }: EarlyVisit, size: number): ReturnType<typeof client.datagrams.send> {
  const message = client.datagrams.send(new Uint8Array(size), undefined, pair.now)
  pair.client.endpoint.wake(client)
  return message
}

/** Runs until both ends are through, and a little longer. */
function finish({ pair, client }: EarlyVisit): void {
  pair.run(() => client.isHandshakeConfirmed, 10_000)
  pair.run(() => false, 1000)
}

describe('A datagram', () => {
  test('goes with the ClientHello where the server took datagrams the last time', () => {
    const visit = nextVisit(firstVisit())
    expect(visit.client.datagrams.isSupported).toBe(true)
    const message = send(visit, 300)
    visit.pair.run(() => visit.pair.server.of('datagram-readable').length > 0, 1000)
    // One way: the client has heard nothing yet.
    expect([visit.pair.now, visit.server().datagrams.read(visit.pair.now)?.length]).toEqual([1010, 300])
    finish(visit)
    expect([message.status, visit.client.completion?.earlyData]).toEqual(['acked', true])
  })

  test('as long as a 1-RTT packet holds waits for one: the headers of 0-RTT packets are longer', () => {
    const visit = nextVisit(firstVisit())
    const message = send(visit, visit.client.datagrams.maxDatagramSize)
    finish(visit)
    expect(message.status).toBe('acked')
    expect(visit.server().datagrams.readable).toBe(1)
  })

  //= rfc9221#3-p6-1
  test('is lost with 0-RTT, which a server refuses that takes less than it did; later ones keep to the new limit', () => {
    const visit = nextVisit(firstVisit(), { server: { maxDatagramFrameSize: 100 } })
    const message = send(visit, 300)
    finish(visit)
    expect(visit.client.completion).toMatchObject({ resumed: true, earlyData: false })
    expect([message.status, visit.server().datagrams.readable]).toEqual(['lost', 0])
    expect([visit.client.closeReason, visit.client.datagrams.maxDatagramSize]).toEqual([undefined, 97])
    const later = send(visit, 97)
    finish(visit)
    expect(later.status).toBe('acked')
  })

  //= rfc9221#3-p6-2
  test('limit that is lower although 0-RTT was accepted is a violation of the server’s', () => {
    const session = firstVisit({ server: { maxDatagramFrameSize: 500 } })
    const visit = nextVisit(
      { ...session, parameters: { ...session.parameters, maxDatagramFrameSize: 501 } },
      { server: { maxDatagramFrameSize: 500 } },
    )
    send(visit, 300)
    visit.pair.run(() => visit.client.state === 'closed', 10_000)
    expect(visit.client.closeReason).toMatchObject({
      kind: 'transport',
      side: 'local',
      code: TransportErrorCode.PROTOCOL_VIOLATION,
    })
  })

  test('waits for the handshake where nothing is known of the peer’s datagrams', () => {
    const visit = nextVisit(firstVisit({ server: { maxDatagramFrameSize: 0 } }))
    expect(visit.client.datagrams.isSupported).toBe(undefined)
    const message = send(visit, 300)
    finish(visit)
    expect([message.status, visit.server().datagrams.readable]).toEqual(['acked', 1])
  })

  test('of one protocol is not said in another', () => {
    const visit = nextVisit(firstVisit(), {
      clientTls: { alpn: ['test', 'other'] },
      serverTls: { alpn: ['other'] },
    })
    const [early, waiting] = [send(visit, 300), send(visit, visit.client.datagrams.maxDatagramSize)]
    finish(visit)
    expect([early.status, waiting.status, visit.server().datagrams.readable]).toEqual(['lost', 'dropped', 0])
    expect(visit.client.completion?.alpn).toBe('other')
  })
})
