/** What comes over the network, into a file or to standard output, with a progress bar. */
import { once } from 'node:events'
import { open, rename, rm } from 'node:fs/promises'
import { basename } from 'node:path'
import { Progress } from './progress.ts'

/** Takes bytes that are valid during the call, or until what it returns is fulfilled. */
export type TakeBytes = (bytes: Uint8Array) => void | Promise<void>

/** Something that can be read once, from its beginning to its end. */
export interface Source {
  /** bytes; `undefined`: not known */
  readonly size: number | undefined
  /** Hands it on piece by piece. */
  read(take: TakeBytes): Promise<unknown>
}

/** Writes `source` to the file `path`, or to standard output for `-`. */
export async function save(source: Source, path: string): Promise<void> {
  if (path === '-') {
    await source.read(async (bytes) => {
      if (!process.stdout.write(bytes.slice())) await once(process.stdout, 'drain')
    })
    return
  }
  // What is not complete has another name, so that nobody takes it for the file.
  const partial = `${path}.part`
  const file = await open(partial, 'w')
  const progress = new Progress(basename(path), source.size, process.stderr, () => performance.now())
  try {
    await source.read(async (bytes) => {
      await file.write(bytes)
      progress.add(bytes.length)
    })
  } catch (error) {
    progress.abandon()
    await file.close()
    await rm(partial, { force: true })
    throw error
  }
  await file.close()
  await rename(partial, path)
  progress.finish()
}
