/** A UDP socket that counts what it gets, and answers now and then, so that the gateway takes it for a server. */
import { createSocket } from 'node:dgram'

const ANSWER_EVERY = 1000

const socket = createSocket('udp4')
let datagrams = 0
let bytes = 0
let last = 0
socket.on('message', (message, { port, address }) => {
  if (datagrams % ANSWER_EVERY === 0) socket.send(new Uint8Array([1]), port, address)
  datagrams += 1
  bytes += message.length
  last = performance.timeOrigin + performance.now()
})
socket.bind(0, '127.0.0.1', () => {
  socket.setRecvBufferSize(4 << 20)
  process.send?.({ address: `127.0.0.1:${socket.address().port}` })
})
process.on('disconnect', () => process.exit())
process.on('message', () => {
  process.send?.({ datagrams, bytes, last })
  datagrams = 0
  bytes = 0
})
