/** A Worker that is its own peer: server and client of the single file, joined by a pipe, echo once for each request. */
import { echo } from './echo.mjs'
import * as isoquic from './isoquic.min.js'
import { devCertificate, pipe } from './parts.mjs'

export default {
  async fetch() {
    const [near, far] = pipe()
    try {
      await echo(isoquic, devCertificate, far, near, 'localhost:443')
    } catch (error) {
      return new Response(`${error.stack}\n${error.cause?.stack ?? ''}`)
    }
    return new Response(`echoed, process is ${typeof process}, Buffer is ${typeof Buffer}`)
  },
}
