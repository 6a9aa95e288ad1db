/** Holds the transport of `examples/own-transport.ts` to the suite that every transport passes. Run by a test, in a process of its own. */
import { messagePort } from '../../examples/own-transport.ts'
import { transportSuite } from '../../transports/conformance.ts'

const tests: [title: string, body: () => Promise<void>][] = []
transportSuite(
  'messagePort',
  async () => {
    const { port1, port2 } = new MessageChannel()
    return { near: messagePort(port1), far: messagePort(port2), toFar: '', toNear: '' }
  },
  {
    describe: (_title, body) => body(),
    test: (title, body) => void tests.push([title, async () => body()]),
  },
)

let broken = 0
for (const [title, body] of tests) {
  try {
    await body()
  } catch (error) {
    broken += 1
    console.error(title, error)
  }
}
console.log(`${tests.length - broken} kept, ${broken} broken`)
process.exitCode = broken === 0 ? 0 : 1
