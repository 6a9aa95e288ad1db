/**
 * A validator for the part of CDDL (RFC 8610) that the qlog drafts use, for tests: maps, arrays, choices, occurrences, sockets,
 * unwrapping, and the controls `.size`, `.regexp` and `.default`. A map holds what its rule names and nothing else.
 */

type Type =
  | { readonly kind: 'literal'; readonly value: string | number }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'map' | 'array'; readonly entries: readonly Entry[] }
  | { readonly kind: 'choice'; readonly options: readonly Type[] }
  | { readonly kind: 'control'; readonly type: Type; readonly operator: string; readonly argument: Type }

interface Entry {
  readonly least: number
  readonly most: number
  /** `undefined`: an array's element, or the members of another group. */
  readonly key: string | Type | undefined
  readonly type: Type
}

const TOKEN =
  /;[^\n]*|\s+|"((?:[^"\\]|\\.)*)"|\d+\*\d+|\d+|\/\/=|\/=|=>|=|\/|\$\$?[\w@-]+(?:\.[\w-]+)*|\.[a-z]+|[A-Za-z_@][\w@-]*|[{}[\](),:?*+~]/gy

/** The rules of some CDDL texts together. */
export class Cddl {
  readonly #rules = new Map<string, Type>()
  #tokens: string[] = []
  #at = 0

  /** @throws Error for what is not of this part of CDDL */
  constructor(...texts: readonly string[]) {
    for (const text of texts) this.#read(text)
  }

  /** What is wrong with `value` as `rule`, one sentence each; empty where nothing is. @throws Error for an unknown rule */
  check(rule: string, value: unknown): string[] {
    return this.#check({ kind: 'name', name: rule }, value, rule)
  }

  /** The rule of an event, by its name. */
  eventRule(name: string): string | undefined {
    const [namespace, type] = name.split(':')
    const wanted = `${namespace}${type}`.replaceAll('_', '')
    return [...this.#rules.keys()].find((rule) => rule.toLowerCase() === wanted)
  }

  // ── Reading ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #read(text: string): void {
    TOKEN.lastIndex = 0
    this.#tokens = []
    while (TOKEN.lastIndex < text.length) {
      const at = TOKEN.lastIndex
      const token = TOKEN.exec(text)?.[0]
      if (token === undefined) throw new Error(`No CDDL: ${text.slice(at, at + 40)}`)
      if (!/^[;\s]/.test(token)) this.#tokens.push(token)
    }
    for (this.#at = 0; this.#at < this.#tokens.length; ) {
      const name = this.#next()
      const operator = this.#next()
      const type = this.#type()
      const before = this.#rules.get(name)
      const options = before === undefined || operator === '=' ? [type] : [before, type]
      this.#rules.set(name, { kind: 'choice', options })
    }
  }

  #type(): Type {
    const options = [this.#controlled()]
    while (this.#take('/')) options.push(this.#controlled())
    return options.length === 1 && options[0] !== undefined ? options[0] : { kind: 'choice', options }
  }

  #controlled(): Type {
    const type = this.#primary()
    const operator = this.#peek()
    if (!operator.startsWith('.')) return type
    this.#at += 1
    return { kind: 'control', type, operator, argument: this.#primary() }
  }

  #primary(): Type {
    const token = this.#next()
    if (token.startsWith('"')) return { kind: 'literal', value: token.slice(1, -1) }
    if (/^\d+$/.test(token)) return { kind: 'literal', value: Number(token) }
    if (token === '{') return { kind: 'map', entries: this.#entries('}') }
    if (token === '[') return { kind: 'array', entries: this.#entries(']') }
    if (token === '~') return this.#primary()
    if (/^[$A-Za-z]/.test(token)) return { kind: 'name', name: token }
    throw new Error(`No CDDL type: ${token}`)
  }

  #entries(end: string): Entry[] {
    const entries: Entry[] = []
    while (!this.#take(end)) {
      const [least, most] = this.#occurrence()
      const type = this.#type()
      if (this.#take(':')) {
        const key = type.kind === 'name' ? type.name : type.kind === 'literal' ? String(type.value) : undefined
        entries.push({ least, most, key, type: this.#type() })
      } else if (this.#take('=>')) entries.push({ least, most, key: type, type: this.#type() })
      else entries.push({ least, most, key: undefined, type })
      this.#take(',')
    }
    return entries
  }

  #occurrence(): [least: number, most: number] {
    const range = /^(\d+)\*(\d+)$/.exec(this.#peek())
    if (range === null && !['?', '*', '+'].includes(this.#peek())) return [1, 1]
    const token = this.#next()
    if (range !== null) return [Number(range[1]), Number(range[2])]
    return token === '?' ? [0, 1] : [token === '+' ? 1 : 0, Number.POSITIVE_INFINITY]
  }

  #peek(): string {
    return this.#tokens[this.#at] ?? ''
  }

  #next(): string {
    this.#at += 1
    return this.#tokens[this.#at - 1] ?? ''
  }

  #take(token: string): boolean {
    if (this.#peek() !== token) return false
    this.#at += 1
    return true
  }

  // ── Checking ──────────────────────────────────────────────────────────────────────────────────────────────────────

  #check(type: Type, value: unknown, path: string): string[] {
    switch (type.kind) {
      case 'literal':
        return value === type.value ? [] : [`${path} is not ${JSON.stringify(type.value)}: ${JSON.stringify(value)}`]
      case 'name':
        return this.#checkName(type.name, value, path)
      case 'map':
        return this.#checkMap(type.entries, value, path)
      case 'array':
        return this.#checkArray(type.entries, value, path)
      case 'control':
        return this.#checkControl(type.type, type.operator, type.argument, value, path)
      case 'choice': {
        const faults = type.options.map((option) => this.#check(option, value, path))
        if (faults.some((fault) => fault.length === 0)) return []
        // The option that comes nearest tells the most.
        return faults.toSorted((a, b) => b.join().length - a.join().length)[0] ?? []
      }
    }
  }

  #checkName(name: string, value: unknown, path: string): string[] {
    const rule = this.#rules.get(name)
    if (rule !== undefined) return this.#check(rule, value, path)
    const isFine = PRELUDE[name]
    if (isFine === undefined) throw new Error(`There is no rule ${name}`)
    return isFine(value) ? [] : [`${path} is no ${name}: ${JSON.stringify(value)}`]
  }

  #checkControl(type: Type, operator: string, argument: Type, value: unknown, path: string): string[] {
    const faults = this.#check(type, value, path)
    if (faults.length > 0 || argument.kind !== 'literal' || operator === '.default') return faults
    const limit = argument.value
    const isFine =
      operator === '.regexp'
        ? typeof value === 'string' && new RegExp(`^(?:${limit})$`).test(value)
        : typeof value === 'string' && /^[0-9a-f]*$/.test(value) && type.kind === 'name' && type.name !== 'uint'
          ? value.length === 2 * Number(limit)
          : BigInt(value as number) < 1n << (8n * BigInt(limit))
    return isFine ? [] : [`${path} breaks ${operator} ${limit}: ${JSON.stringify(value)}`]
  }

  #checkMap(entries: readonly Entry[], value: unknown, path: string): string[] {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return [`${path} is no object`]
    const members = this.#membersOf(entries)
    const isOpen = members.some((entry) => typeof entry.key === 'object')
    const faults: string[] = []
    const known = new Map(members.map((entry) => [entry.key, entry]))
    for (const [name, member] of Object.entries(value)) {
      const entry = known.get(name)
      if (entry !== undefined) faults.push(...this.#check(entry.type, member, `${path}.${name}`))
      else if (!isOpen) faults.push(`${path}.${name} is not in the schema`)
    }
    for (const { key, least } of members) {
      if (typeof key === 'string' && least > 0 && !(key in value)) faults.push(`${path}.${key} is missing`)
    }
    return faults
  }

  /** The members of a group and of those that it includes; a socket that nothing was plugged into has none. */
  #membersOf(entries: readonly Entry[]): Entry[] {
    return entries.flatMap((entry) => {
      if (entry.key !== undefined) return [entry]
      const rule = entry.type.kind === 'name' ? this.#rules.get(entry.type.name) : undefined
      const [group] = rule?.kind === 'choice' ? rule.options : []
      return group?.kind === 'map' ? this.#membersOf(group.entries) : []
    })
  }

  #checkArray(entries: readonly Entry[], value: unknown, path: string): string[] {
    const [entry] = entries
    if (!Array.isArray(value) || entry === undefined) return [`${path} is no array`]
    if (value.length < entry.least || value.length > entry.most) return [`${path} has ${value.length} elements`]
    return value.flatMap((element, index) => this.#check(entry.type, element, `${path}[${index}]`))
  }
}

const PRELUDE: Readonly<Record<string, (value: unknown) => boolean>> = {
  any: () => true,
  bool: (value) => typeof value === 'boolean',
  text: (value) => typeof value === 'string',
  float32: (value) => typeof value === 'number',
  float64: (value) => typeof value === 'number',
  // A string where a JSON number would not do (main-schema §11.3).
  uint: (value) =>
    typeof value === 'string'
      ? /^\d{16,}$/.test(value)
      : typeof value === 'number' && Number.isSafeInteger(value) && value >= 0,
}
