#!/usr/bin/env node
import { type Command, UsageError } from './command.ts'
/** The command `isoquic`: picks the subcommand, and turns what goes wrong into one line and an exit code. */
import { echoCommand } from './echo.ts'
import { gatewayCommand } from './gateway.ts'
import { getCommand } from './get.ts'
import { inspectCommand } from './inspect.ts'
import { perfCommand } from './perf.ts'
import { pingCommand } from './ping.ts'
import { serveCommand } from './serve.ts'

const COMMANDS: readonly Command[] = [
  serveCommand,
  getCommand,
  echoCommand,
  pingCommand,
  perfCommand,
  inspectCommand,
  gatewayCommand,
]

function help(): string {
  const lines = COMMANDS.map(({ name, summary }) => `  ${name.padEnd(8)} ${summary}`)
  return [
    'isoquic: QUIC from the command line',
    '',
    ...lines,
    '',
    'isoquic COMMAND --help tells more, with an example.',
  ].join('\n')
}

async function main(words: readonly string[]): Promise<number> {
  const [name, ...rest] = words
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    console.log(help())
    return name === undefined ? 2 : 0
  }
  const command = COMMANDS.find((each) => each.name === name)
  if (command === undefined) throw new UsageError(`There is no command ${name}; isoquic --help lists them`)
  if (rest.includes('--help') || rest.includes('-h')) {
    console.log(command.help)
    return 0
  }
  return await command.run(rest)
}

/** What went wrong, with the names that options have here. */
function wordsOf(error: unknown): string {
  const words = error instanceof Error ? error.message : String(error)
  return words.replace('pass ca or serverCertificateHashes', 'pass --pin, --ca or --insecure')
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  console.error(`isoquic: ${wordsOf(error)}`)
  process.exitCode = error instanceof UsageError ? 2 : 1
}
