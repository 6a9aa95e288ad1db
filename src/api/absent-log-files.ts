/** `isoquic/qlog/files` where there are no files: it loads, as everything does, and says what there is instead. */
import type { keyLogFile as keyLogFileOfNode, qlogFolder as qlogFolderOfNode } from './log-files.ts'

/** Throws a TypeError: pages and Workers have no files. */
export const qlogFolder: typeof qlogFolderOfNode = () => {
  throw new TypeError('This runtime has no files: use qlogTo of isoquic/qlog with a stream, a function or a QlogMemory')
}

/** Throws a TypeError: pages and Workers have no files. */
export const keyLogFile: typeof keyLogFileOfNode = () => {
  throw new TypeError('This runtime has no files: use keyLogTo of isoquic/qlog with a stream or a function')
}
