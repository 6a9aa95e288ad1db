/** The gateway in a process of its own, so that its CPU time can be told apart: asked by messages. */
import { serveGateway } from '../../src/gateway.ts'

const [target = '', filter] = process.argv.slice(2)
const limits = { flowsPerSecond: 1000, openFlows: 1000, bytesPerSecond: 1e10 }
const gateway = await serveGateway({ port: 0, allow: [target], origins: ['*'], limits, quicOnly: filter !== 'any' })

process.on('message', () => {
  const { user, system } = process.cpuUsage()
  process.send?.({ microseconds: user + system, ...gateway.counters })
})
process.on('disconnect', () => process.exit())
process.send?.({ address: gateway.address })
