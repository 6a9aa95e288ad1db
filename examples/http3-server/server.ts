/** An Express application that answers over HTTP/3, and over TCP on the same port, which tells browsers of it. */
import { once } from 'node:events'
import { createServer, get } from 'node:https'
import express from 'express'
import { devCertificate } from 'isoquic/dev'
import { createFetch, serve } from 'isoquic/http3'
import { altSvc, nodeHandler } from 'isoquic/node-handler'
import { udp } from 'isoquic/transports/udp'

const app = express()
app.use(express.json())
app.get('/', (request, response) => {
  response.send(`hello over HTTP/${request.httpVersion}`)
})
app.post('/sum', (request, response) => {
  const numbers: number[] = request.body
  response.json({ sum: numbers.reduce((sum, number) => sum + number, 0) })
})

// Browsers take a certificate of their authorities; a program can be told of one made a moment ago.
const certificate = await devCertificate()
const port = Number(process.env['PORT'] ?? 8443)
const tcp = createServer({ cert: certificate.certificate, key: certificate.privateKey }, app).listen(port, '127.0.0.1')
await once(tcp, 'listening')

// The same application on the same port, over UDP. Its responses over TCP say so, in the field `Alt-Svc`.
const http3 = await serve(await udp({ host: '127.0.0.1', port }), { certificate }, nodeHandler(app))
const advertised = altSvc(tcp)
console.log(`https://localhost:${port} over TCP and over UDP`)

if (!process.argv.includes('--stay')) {
  const [overTcp] = await once(get(`https://localhost:${port}`, { ca: certificate.certificate }), 'response')
  console.log(`TCP: ${await new Response(overTcp).text()}; Alt-Svc: ${overTcp.headers['alt-svc']}`)

  const fetch = createFetch({ serverCertificateHashes: [certificate.hash] })
  console.log(`UDP: ${await (await fetch(`https://localhost:${port}`)).text()}`)
  const headers = { 'content-type': 'application/json' }
  const sum = await fetch(`https://localhost:${port}/sum`, { method: 'POST', headers, body: '[1, 2, 3]' })
  console.log(`UDP: ${await sum.text()}`)

  await fetch.close()
  advertised.close()
  await http3.close({ graceful: true })
  tcp.close()
  tcp.closeAllConnections()
}
