/** The machine in words. */

import { readFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'

/** A sentence about it; `load` is how many processes waited for a core before the bench began. */
export function describeMachine(load: number): string {
  const [first] = cpus()
  const model = first?.model.trim() ?? 'a processor without a name'
  const memory = Math.round(totalmem() / 2 ** 30)
  return `${isVirtual() ? 'A virtual machine' : 'A machine'} with ${cpus().length} cores of ${model} and ${memory} GiB of memory, ${process.platform === 'linux' ? 'Linux' : process.platform} ${release()}; load ${load.toFixed(1)} before the start. Both ends of everything run on it, over loopback.`
}

function isVirtual(): boolean {
  try {
    return /^flags\s*:.*\bhypervisor\b/m.test(readFileSync('/proc/cpuinfo', 'utf8'))
  } catch {
    return false
  }
}
