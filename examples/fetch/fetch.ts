/** `fetch` over HTTP/3: of a page out there, if its URL is given, and of a server of our own. */
import { devCertificate } from 'isoquic/dev'
import { createFetch, fetch, responseInfo, serve } from 'isoquic/http3'
import { udp } from 'isoquic/transports/udp'

const [url] = process.argv.slice(2)
if (url !== undefined) {
  const response = await fetch(url)
  console.log(
    `${response.status} ${response.headers.get('content-type')}: ${(await response.text()).length} characters`,
  )
}

/** Sends back in capitals what comes, while it comes, and then how many pieces there were. */
const certificate = await devCertificate()
const server = await serve(await udp({ host: '127.0.0.1' }), { certificate }, (request, info) => {
  if (request.body === null) return new Response('send something')
  let pieces = 0
  const capitals = new TransformStream<string, string>({
    transform(text, controller) {
      pieces += 1
      controller.enqueue(text.toUpperCase())
    },
  })
  info.sendTrailers(() => ({ pieces: String(pieces) }))
  return new Response(
    request.body.pipeThrough(new TextDecoderStream()).pipeThrough(capitals).pipeThrough(new TextEncoderStream()),
  )
})

const ask = createFetch({ serverCertificateHashes: [certificate.hash] })
const origin = `https://${server.address}`
console.log(await (await ask(origin)).text())

// Both directions stream: each answer is read before the next question is asked.
const { readable, writable } = new TextEncoderStream()
const writer = writable.getWriter()
const asked = ask(origin, { method: 'POST', body: readable, duplex: 'half' })
void writer.write('one ')
const response = await asked
const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
for (const next of ['two ', 'three', undefined]) {
  console.log(`got "${(await reader?.read())?.value}"`)
  if (next === undefined) await writer.close()
  else void writer.write(next)
}
console.log(
  `at its end: ${(await reader?.read())?.done}, in ${(await responseInfo(response)?.trailers)?.get('pieces')} pieces`,
)

// What takes too long is given up.
const signal = AbortSignal.timeout(100)
const never = new ReadableStream<Uint8Array>()
try {
  const late = await ask(origin, { method: 'POST', body: never, duplex: 'half', signal })
  await late.text()
} catch (error) {
  console.log(`a body that never comes: ${error instanceof DOMException ? error.name : error}`)
}
console.log(`connections used: ${ask.client.connections.size}`)

await ask.close()
await server.close()
