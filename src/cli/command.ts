/** What a subcommand is, and the options that several of them share. */
import { readFileSync } from 'node:fs'
import type { ParseArgsOptionsConfig } from 'node:util'
import { parseArgs } from 'node:util'
import { devCertificate } from '../api/dev.ts'
import type { CertificateOptions } from '../api/identity.ts'
import { keyLogFile, qlogFolder } from '../api/log-files.ts'
import type { TrustOptions } from '../api/trust.ts'
import type { ObserverFactory } from '../wire/observer.ts'

/** One subcommand. */
export interface Command {
  readonly name: string
  /** One line. */
  readonly summary: string
  /** Usage, options, an example. */
  readonly help: string
  /** Runs to the end; the exit code. */
  run(words: readonly string[]): Promise<number>
}

/** The command line is wrong: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** Options and other words of a command line. @throws UsageError for what is not known */
export function parseWords(
  words: readonly string[],
  options: ParseArgsOptionsConfig,
): { readonly values: Readonly<Record<string, unknown>>; readonly positionals: readonly string[] } {
  try {
    const { values, positionals } = parseArgs({ args: [...words], options, allowPositionals: true, strict: true })
    return { values, positionals }
  } catch (error) {
    throw new UsageError(error instanceof Error ? (error.message.split('. ')[0] ?? '') : String(error))
  }
}

/** The text of an option, if it was given. */
export function text(values: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = values[name]
  return typeof value === 'string' ? value : undefined
}

/** All texts of an option that may be repeated. */
export function texts(values: Readonly<Record<string, unknown>>, name: string): readonly string[] {
  const value = values[name]
  return Array.isArray(value) ? value.map(String) : []
}

/** A port from an option. @throws UsageError */
export function port(values: Readonly<Record<string, unknown>>, fallback: number): number {
  const given = text(values, 'port')
  if (given === undefined) return fallback
  const value = Number(given)
  if (!(Number.isInteger(value) && value >= 0 && value <= 65_535)) {
    throw new UsageError(`--port must be a number from 0 to 65535, got ${given}`)
  }
  return value
}

/** Appends NSS key log lines to the file of `--keylog`, or of `SSLKEYLOGFILE`. */
export function keyLog(values: Readonly<Record<string, unknown>>): { keyLog?: (line: string) => void } {
  const path = text(values, 'keylog') ?? process.env['SSLKEYLOGFILE']
  const onError = (error: unknown): void => {
    console.error(`isoquic: key log: ${error instanceof Error ? error.message : String(error)}`)
  }
  return path === undefined || path === '' ? {} : { keyLog: keyLogFile(path, { onError }) }
}

/** The options of `--qlog`. */
export const QLOG_OPTIONS: ParseArgsOptionsConfig = {
  qlog: { type: 'string' },
  'qlog-version': { type: 'string' },
}

/** Their help. */
export const QLOG_HELP = `  --qlog DIR      write a qlog file of each connection into DIR
  --qlog-version  current (the IETF drafts), or 0.3, which qvis reads; default current`

/** Logs into the folder of `--qlog`, or of `QLOGDIR`. @throws UsageError */
export function qlog(values: Readonly<Record<string, unknown>>): { observer?: ObserverFactory } {
  const folder = text(values, 'qlog') ?? process.env['QLOGDIR']
  const version = text(values, 'qlog-version') ?? 'current'
  if (version !== 'current' && version !== '0.3') {
    throw new UsageError(`--qlog-version must be current or 0.3, got ${version}`)
  }
  if (folder === undefined || folder === '') return {}
  let isTold = false
  const onError = (error: unknown): void => {
    if (!isTold) console.error(`isoquic: qlog: ${error instanceof Error ? error.message : String(error)}`)
    isTold = true
  }
  try {
    return { observer: qlogFolder(folder, { version, onError }) }
  } catch (error) {
    throw new UsageError(`Cannot write to ${folder}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** The options of a client that say whom it believes. */
export const TRUST_OPTIONS: ParseArgsOptionsConfig = {
  ca: { type: 'string' },
  pin: { type: 'string' },
  insecure: { type: 'boolean' },
}

/** Their help. */
export const TRUST_HELP = `  --ca FILE       trust the certificates in FILE (PEM) instead of the system's
  --pin HEX       trust the certificate with this SHA-256, as \`isoquic serve\` prints it
  --insecure      trust anybody: for experiments on one's own machine`

/** Whom a client believes. @throws UsageError */
export function trust(values: Readonly<Record<string, unknown>>): TrustOptions {
  const pin = text(values, 'pin')
  const ca = text(values, 'ca')
  if (values['insecure'] === true) return { verify: 'insecure' }
  if (pin !== undefined) {
    const value = Buffer.from(pin.replaceAll(':', ''), 'hex')
    if (value.length !== 32) throw new UsageError(`--pin must be the 64 hexadecimal digits of a SHA-256, got ${pin}`)
    return { serverCertificateHashes: [{ algorithm: 'sha-256', value: new Uint8Array(value) }] }
  }
  return ca === undefined ? {} : { ca: readText(ca) }
}

/** The options of a server that say who it is. */
export const IDENTITY_OPTIONS: ParseArgsOptionsConfig = {
  port: { type: 'string', short: 'p' },
  host: { type: 'string' },
  cert: { type: 'string' },
  key: { type: 'string' },
  keylog: { type: 'string' },
  ...QLOG_OPTIONS,
}

/** Their help. */
export const IDENTITY_HELP: string = `  -p, --port N    UDP port, default 4433
  --host ADDRESS  address to listen on, default 127.0.0.1
  --cert FILE     certificate chain (PEM); with --key. Without it one is made for 13 days
  --key FILE      private key (PEM)
  --keylog FILE   append the keys of all connections, for Wireshark
${QLOG_HELP}`

/** The certificate of a server: from files, or made a moment ago. `pin` is the hash to give to clients. @throws UsageError */
export async function identity(
  values: Readonly<Record<string, unknown>>,
): Promise<{ readonly certificate: CertificateOptions; readonly pin: string | undefined }> {
  const cert = text(values, 'cert')
  const key = text(values, 'key')
  if ((cert === undefined) !== (key === undefined)) throw new UsageError('--cert and --key go together')
  if (cert !== undefined && key !== undefined) {
    return { certificate: { certificate: readText(cert), privateKey: readText(key) }, pin: undefined }
  }
  const certificate = await devCertificate()
  return { certificate, pin: Buffer.from(certificate.hash.value).toString('hex') }
}

/** @throws UsageError naming the file */
function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new UsageError(`Cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** Fulfils when the user wants the command to end. */
export function interrupted(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGINT', () => resolve())
    process.once('SIGTERM', () => resolve())
  })
}
