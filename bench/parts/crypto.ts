/** Packet protection alone: the engines of Node beside each other, and the kernels in browsers and workerd. */
import { cryptoGrid, measureCrypto } from '../crypto.ts'
import { cryptoHostsGrid, type HostSeal, measureCryptoHosts } from '../crypto-hosts.ts'
import type { Figures, PartResult, Settings } from '../parts.ts'

const DATAGRAM = 1200
const PACKETS = 32

/** Measures. */
export async function run({ rounds }: Settings, say: (line: string) => void): Promise<PartResult> {
  say('engines in Node')
  const engines = measureCrypto({ datagram: DATAGRAM, packets: PACKETS, rounds })
  say('browsers and workerd')
  let hosts: HostSeal[] = []
  const notes: string[] = []
  try {
    hosts = await measureCryptoHosts()
  } catch (error) {
    notes.push(`Browsers and workerd do not take part: ${error instanceof Error ? error.message : String(error)}`)
  }
  const figures: Figures = {
    'seal node': engines.find(({ name, suite }) => name === 'hybrid' && suite.includes('AES_128'))?.seals ?? [],
    'open node': engines.find(({ name, suite }) => name === 'hybrid' && suite.includes('AES_128'))?.opens ?? [],
    'seal hosts chacha': sealsOf(hosts, 'CHACHA20'),
    'seal hosts aes': sealsOf(hosts, 'AES_128'),
  }
  const text = `${PACKETS} packets of ${DATAGRAM} bytes at once, header protection included, µs a packet; of pages the tenth percentile of short slices, of workerd the quickest of long requests.`
  const grids = [cryptoGrid(engines), ...(hosts.length > 0 ? [cryptoHostsGrid(hosts)] : [])]
  return {
    sections: [{ title: 'Packet protection', text, grids, notes }],
    figures,
    numbers: { engines, hosts },
  }
}

/** Of WebAssembly in every host. */
function sealsOf(hosts: readonly HostSeal[], suite: string): number[] {
  return hosts
    .filter((seal) => seal.engine === 'wasm' && seal.suite.includes(suite))
    .map(({ microseconds }) => microseconds)
}
