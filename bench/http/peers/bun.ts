/** Bun's HTTP/3, which is lsquic: `serve({ http3: true })` and `fetch(url, { protocol: 'http3' })`. */
import { answerWith, fetchClient } from '../fetch.ts'
import { runHttpPeer } from '../harness.ts'

/** What is used of it. */
declare const Bun: {
  serve(options: object): { readonly port: number }
}

await runHttpPeer({
  async serve({ certificate, privateKey }, served) {
    const { port } = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      http3: true,
      tls: { cert: certificate, key: privateKey },
      maxRequestBodySize: 1e9,
      // Seconds; 0: never.
      idleTimeout: 0,
      fetch: answerWith(served),
    })
    return port
  },
  connect(port) {
    // It is told of the authority by NODE_EXTRA_CA_CERTS: an option of `fetch` is not for HTTP/3.
    const http3 = { protocol: 'http3' } as RequestInit
    // The connections are those of the process.
    return fetchClient(
      (url, init) => fetch(url, { ...init, ...http3 }),
      `https://127.0.0.1:${port}`,
      async () => {},
    )
  },
})
