/** isoquic itself: `serve` and `Http3Client` of `isoquic/http3`, with their default options. */
import { Http3Client } from '../../../src/api/http3/client.ts'
import { type Http3Server, serve } from '../../../src/api/http3/serve.ts'
import { udp } from '../../../transports/udp.ts'
import { answerWith, fetchClient } from '../fetch.ts'
import { runHttpPeer } from '../harness.ts'

let server: Http3Server | undefined

await runHttpPeer({
  async serve(certificate, served) {
    const transport = await udp({ host: '127.0.0.1' })
    const onError = (error: unknown): void => console.error('Error while answering:', error)
    server = await serve(transport, { certificate, onError }, answerWith(served))
    return transport.port
  },
  connect(port, { ca }) {
    const client = new Http3Client({ ca })
    const origin = `https://127.0.0.1:${port}`
    return fetchClient(
      (url, init) => client.fetch(url, init),
      origin,
      () => client.close(),
    )
  },
  connections: () => server?.connections.size,
})
