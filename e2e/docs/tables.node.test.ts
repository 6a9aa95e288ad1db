/** What the tables of the documentation say about options, errors, numbers and commands is what the code says. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { echoCommand } from '../../src/cli/echo.ts'
import { gatewayCommand } from '../../src/cli/gateway.ts'
import { getCommand } from '../../src/cli/get.ts'
import { inspectCommand } from '../../src/cli/inspect.ts'
import { perfCommand } from '../../src/cli/perf.ts'
import { pingCommand } from '../../src/cli/ping.ts'
import { serveCommand } from '../../src/cli/serve.ts'
import { type ConnectionOptions, validateConnectionConfig } from '../../src/connection/config.ts'
import { datagramSettings } from '../../src/streams/datagram-settings.ts'
import { listFiles, readText } from '../house/tree.ts'
import { names, type Row, tableBelow } from './tables.ts'
import { Workspace } from './workspace.ts'

const OPTIONS = 'docs/options.md'

/** Tables whose first column has exactly the members of a type; `Omit` names what another table has. */
const MEMBERS: readonly [path: string, title: string, type: string][] = [
  [OPTIONS, 'Connection', "import('isoquic').ConnectionOptions"],
  [OPTIONS, 'Datagrams', "NonNullable<import('isoquic').ConnectionOptions['datagrams']>"],
  [OPTIONS, 'Both roles', "Omit<import('isoquic').CommonOptions, keyof import('isoquic').ConnectionOptions>"],
  [OPTIONS, 'Client', "Omit<import('isoquic').ConnectOptions, keyof import('isoquic').CommonOptions>"],
  [OPTIONS, 'Server', "Omit<import('isoquic').ListenOptions, keyof import('isoquic').CommonOptions>"],
  [OPTIONS, 'Paths', "import('isoquic').PathOptions"],
  [OPTIONS, 'Limits', "NonNullable<import('isoquic').ListenOptions['limits']>"],
  [
    OPTIONS,
    'HTTP/3 server',
    "Omit<import('isoquic/http3').ServeOptions, Exclude<keyof import('isoquic').ListenOptions, 'alpn' | 'earlyData'>>",
  ],
  [
    OPTIONS,
    'HTTP/3 client',
    "Omit<import('isoquic/http3').Http3ClientOptions, Exclude<keyof import('isoquic').ConnectOptions, 'alpn' | 'earlyData'>>",
  ],
  [OPTIONS, 'UDP', "import('isoquic/transports/udp').UdpOptions"],
  [OPTIONS, 'Cluster', "import('isoquic/cluster').ClusterOptions"],
  [OPTIONS, 'Pipe', "import('isoquic/transports/pipe').PipeOptions"],
  ['README.md', 'Statistics', "import('isoquic').QuicConnectionStats"],
  ['README.md', 'Statistics of QUIC', "import('isoquic').QuicStats"],
]

describe('tables name each member of a type, and no other', () => {
  const workspace = new Workspace()
  const files = MEMBERS.map(([path, title, type]) => {
    const members = names(tableBelow(path, title)).map((name) => `  ${name}: 0,\n`)
    return workspace.add(`export const table: Record<keyof (${type}), 0> = {\n${members.join('')}}\n`)
  })
  let faults: ReadonlyMap<string, readonly string[]>
  beforeAll(async () => {
    faults = await workspace.compile()
  })
  afterAll(() => workspace.remove())

  test.each(MEMBERS.map(([path, title], index) => [path, title, index] as const))('%s, %s', (_path, _title, index) => {
    expect(faults.get(files[index] ?? '') ?? []).toEqual([])
  })
})

describe('defaults and ranges of the connection are those of the code', () => {
  const defaults = validateConnectionConfig()
  const rows = tableBelow(OPTIONS, 'Connection').map(
    (row) => [names([row])[0] as keyof ConnectionOptions, row] as const,
  )

  test.each(rows)('%s', (name, [, given = '', range = '']) => {
    const literal = /^`(.*)`$/.exec(given)?.[1]
    if (literal === undefined) expect(defaults[name]).toBeUndefined()
    else expect(defaults[name]).toEqual(literalValue(literal))
    for (const [value, isAllowed] of edges(range)) {
      const call = (): unknown => validateConnectionConfig({ minimumWindow: undefined, [name]: value })
      if (isAllowed) expect(call).not.toThrow()
      else expect(call).toThrow(RangeError)
    }
  })

  test('the ranges of options that are no numbers would be noticed', () => {
    expect(edges('2 to 16')).toEqual([
      [2, true],
      [1, false],
      [16, true],
      [17, false],
    ])
    expect(edges('from 1')).toEqual([
      [1, true],
      [0, false],
    ])
  })
})

test('the limits of a server have the defaults of the code', () => {
  const source = readText('src/endpoint/incoming.ts')
  for (const row of tableBelow(OPTIONS, 'Limits')) {
    const [name = ''] = names([row])
    const value = new RegExp(`^  ${name}: ([\\d_]+),$`, 'm').exec(source)?.[1]
    expect(`${name} ${literalValue((row[1] ?? '').replaceAll('`', ''))}`).toBe(`${name} ${literalValue(value ?? '')}`)
  }
})

test('the settings of datagrams have the defaults of the code', () => {
  const settings: Readonly<Record<string, unknown>> = { ...datagramSettings({}) }
  for (const row of tableBelow(OPTIONS, 'Datagrams')) {
    const [name = ''] = names([row])
    const given = row[1] === 'none' ? undefined : literalValue((row[1] ?? '').replaceAll('`', ''))
    expect(`${name} ${settings[name]}`).toBe(`${name} ${given}`)
  }
})

test('what the README says of options is what the page of options says', () => {
  const all = ['Connection', 'Both roles', 'Client', 'Server'].flatMap((title) => tableBelow(OPTIONS, title))
  const defaults = new Map(all.map((row) => [names([row])[0], row[1]]))
  for (const row of tableBelow('README.md', 'Options'))
    expect([row[0], row[1]]).toEqual([row[0], defaults.get(nameOf(row))])
})

test('every error class has its section, and its line in the README', () => {
  const exported = [...readText('src/index.ts').matchAll(/^ {2}(Quic\w*Error),$/gm)].map(([, name]) => name).sort()
  expect(exported.length).toBeGreaterThan(8)
  const sections = [...readText('docs/errors.md').matchAll(/^## (Quic\w+)$/gm)].map(([, name]) => name).sort()
  expect(sections).toEqual(exported)
  expect(
    [...names(tableBelow('README.md', 'Errors')).filter((name) => /^Quic/.test(name)), 'QuicError'].sort(),
  ).toEqual(exported)
})

test('the doors of the package are those of the README', () => {
  const manifest: { readonly exports: object } = JSON.parse(readText('package.json'))
  const doors = Object.keys(manifest.exports)
    .map((door) => `isoquic${door.slice(1)}`)
    .filter((door) => door !== 'isoquic/package.json')
  const told = [...readText('README.md').matchAll(/^\| (`isoquic[^|]*) \|/gm)].flatMap(([, cell = '']) =>
    names([[cell]]),
  )
  expect([...new Set(told)].sort()).toEqual(doors.sort())
})

test('there are no dependencies but those of the README', () => {
  const { dependencies } = JSON.parse(readText('package.json')) as {
    readonly dependencies: Readonly<Record<string, string>>
  }
  expect(Object.keys(dependencies).filter((name) => !name.startsWith('@noble/'))).toEqual([])
  expect(readText('README.md')).toContain('no dependencies but the `@noble` libraries')
})

test('the commands and flags of the README exist', () => {
  const commands = [serveCommand, getCommand, echoCommand, pingCommand, perfCommand, inspectCommand, gatewayCommand]
  const section = readText('README.md').split('## Command line')[1]?.split('\n## ')[0] ?? ''
  const named = [...section.matchAll(/^isoquic (\w+)/gm)].map(([, name]) => name)
  expect(named).toEqual(commands.map(({ name }) => name))
  const help = commands.map((command) => command.help).join('\n')
  const flags = [...section.matchAll(/--[a-z]+/g)].map(([flag]) => flag).filter((flag) => flag !== '--help')
  expect(flags.filter((flag) => !help.includes(flag))).toEqual([])
})

test('scripts that the README names are there', () => {
  const { scripts } = JSON.parse(readText('package.json')) as { readonly scripts: Readonly<Record<string, string>> }
  const named = [...readText('README.md').matchAll(/npm run (\w+)/g)].map(([, name = '']) => name)
  expect(named.filter((name) => scripts[name] === undefined)).toEqual([])
})

test('links lead to files that are there', () => {
  const pages = listFiles().filter((path) => /^(README\.md|docs\/.*\.md)$/.test(path))
  const broken = pages.flatMap((page) =>
    [...readText(page).matchAll(/\]\(([^)#]+)[^)]*\)/g)]
      .map(([, target = '']) => new URL(target, `https://repository.invalid/${page}`).pathname.slice(1))
      .filter((path) => !listFiles().includes(path)),
  )
  expect(broken).toEqual([])
})

function nameOf(row: Row): string | undefined {
  return names([row])[0]
}

/** The value of a literal as the tables have them. */
function literalValue(literal: string): unknown {
  if (/^[\d_]+$/.test(literal)) return Number(literal.replaceAll('_', ''))
  return JSON.parse(
    literal
      .replaceAll("'", '"')
      .replace(/0x[0-9a-f]+/g, (number) => String(Number(number)))
      .replace(/(\w+):/g, '"$1":'),
  )
}

/** The last values inside of a range, and the first outside. */
function edges(range: string): [value: number, isAllowed: boolean][] {
  const [, least, most] = /^(?:from )?([\d_]+)(?: to ([\d_]+))?$/.exec(range) ?? []
  if (range === 'above 0') return [[0, false]]
  if (least === undefined) return []
  const first = Number(least.replaceAll('_', ''))
  const edges: [number, boolean][] = [
    [first, true],
    [first - 1, false],
  ]
  if (most === undefined) return edges
  const last = Number(most.replaceAll('_', ''))
  return [...edges, [last, true], [last + 1, false]]
}
