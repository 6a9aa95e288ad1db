/**
 * A small assembler of WebAssembly modules: as much of the binary format (WebAssembly Core Specification 2.0 §5, with the
 * relaxed swizzle of 3.0) as the kernels need. An expression is its code; statements are appended to the function at hand. What
 * TypeScript repeats, such as an unrolled round, is repeated in the binary.
 */

/** The types of values that occur. */
export type ValueType = 'i32' | 'i64' | 'f64' | 'v128'

/** Code that leaves one value on the stack. It may be used more than once: it is then computed more than once. */
export interface Expression<T extends ValueType = ValueType> {
  readonly type: T
  readonly code: readonly number[]
}

/** A local variable; as an expression it is its value. */
export interface Local<T extends ValueType = ValueType> extends Expression<T> {
  readonly index: number
}

export type I32 = Expression<'i32'>
export type I64 = Expression<'i64'>
export type F64 = Expression<'f64'>
export type V128 = Expression<'v128'>

const TYPE_CODES: Readonly<Record<ValueType, number>> = { i32: 0x7f, i64: 0x7e, f64: 0x7c, v128: 0x7b }
const SIMD = 0xfd
const BULK = 0xfc
const EMPTY = 0x40
const [BLOCK, LOOP, IF, ELSE, END, BRANCH, BRANCH_IF, RETURN, CALL] = [2, 3, 4, 5, 0x0b, 0x0c, 0x0d, 0x0f, 0x10]
const [LOCAL_GET, LOCAL_SET] = [0x20, 0x21]

/** Unsigned LEB128. */
function unsigned(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) + 0x80)
  return [...bytes, rest]
}

/** Signed LEB128. */
function signed(value: bigint): number[] {
  const bytes: number[] = []
  for (let rest = value; ; ) {
    const low = Number(rest & 0x7fn)
    rest >>= 7n
    const isLast = (rest === 0n && (low & 0x40) === 0) || (rest === -1n && (low & 0x40) !== 0)
    bytes.push(isLast ? low : low + 0x80)
    if (isLast) return bytes
  }
}

function operator<T extends ValueType>(type: T, opcode: readonly number[], ...operands: Expression[]): Expression<T> {
  return { type, code: [...operands.flatMap(({ code }) => code), ...opcode] }
}

function simd(opcode: number): number[] {
  return [SIMD, ...unsigned(opcode)]
}

/** Two operands of one type, and the result of it. */
type Binary<T extends ValueType> = (a: Expression<T>, b: Expression<T>) => Expression<T>
/** Two operands of one type, and a truth. */
type Comparison<T extends ValueType> = (a: Expression<T>, b: Expression<T>) => I32
/** A vector shifted lane by lane. */
type Shift = (a: V128, count: number) => V128
type Load<T extends ValueType> = (address: I32, offset?: number) => Expression<T>

function binary<T extends ValueType>(type: T, opcode: readonly number[]): Binary<T> {
  return (a, b) => operator(type, opcode, a, b)
}

function comparison<T extends ValueType>(opcode: number): Comparison<T> {
  return (a, b) => operator('i32', [opcode], a, b)
}

function shift(opcode: number): Shift {
  return (a, count) => operator('v128', simd(opcode), a, i32.const(count))
}

// No alignment is promised: packets lie anywhere.
function load<T extends ValueType>(type: T, opcode: readonly number[]): Load<T> {
  return (address, offset = 0) => operator(type, [...opcode, 0, ...unsigned(offset)], address)
}

export const i32 = {
  const: (value: number): I32 => ({ type: 'i32', code: [0x41, ...signed(BigInt(value | 0))] }),
  load: load('i32', [0x28]) as Load<'i32'>,
  load8: load('i32', [0x2d]) as Load<'i32'>,
  eq: comparison<'i32'>(0x46) as Comparison<'i32'>,
  ne: comparison<'i32'>(0x47) as Comparison<'i32'>,
  ltS: comparison<'i32'>(0x48) as Comparison<'i32'>,
  ltU: comparison<'i32'>(0x49) as Comparison<'i32'>,
  gtS: comparison<'i32'>(0x4a) as Comparison<'i32'>,
  leS: comparison<'i32'>(0x4c) as Comparison<'i32'>,
  geS: comparison<'i32'>(0x4e) as Comparison<'i32'>,
  isZero: (a: I32): I32 => operator('i32', [0x45], a),
  add: binary('i32', [0x6a]) as Binary<'i32'>,
  sub: binary('i32', [0x6b]) as Binary<'i32'>,
  mul: binary('i32', [0x6c]) as Binary<'i32'>,
  and: binary('i32', [0x71]) as Binary<'i32'>,
  or: binary('i32', [0x72]) as Binary<'i32'>,
  xor: binary('i32', [0x73]) as Binary<'i32'>,
  shl: binary('i32', [0x74]) as Binary<'i32'>,
  shrU: binary('i32', [0x76]) as Binary<'i32'>,
  rotr: binary('i32', [0x78]) as Binary<'i32'>,
  /** The low half. */
  wrap: (a: I64): I32 => operator('i32', [0xa7], a),
  /** `a` where the condition holds, else `b`; both are computed. */
  select: (a: I32, b: I32, condition: I32): I32 => operator('i32', [0x1b], a, b, condition),
}

export const i64 = {
  const: (value: bigint): I64 => ({ type: 'i64', code: [0x42, ...signed(BigInt.asIntN(64, value))] }),
  load: load('i64', [0x29]) as Load<'i64'>,
  load32: load('i64', [0x35]) as Load<'i64'>,
  ltU: comparison<'i64'>(0x54) as Comparison<'i64'>,
  gtS: comparison<'i64'>(0x55) as Comparison<'i64'>,
  leS: comparison<'i64'>(0x57) as Comparison<'i64'>,
  geS: comparison<'i64'>(0x59) as Comparison<'i64'>,
  add: binary('i64', [0x7c]) as Binary<'i64'>,
  sub: binary('i64', [0x7d]) as Binary<'i64'>,
  mul: binary('i64', [0x7e]) as Binary<'i64'>,
  and: binary('i64', [0x83]) as Binary<'i64'>,
  or: binary('i64', [0x84]) as Binary<'i64'>,
  xor: binary('i64', [0x85]) as Binary<'i64'>,
  shl: binary('i64', [0x86]) as Binary<'i64'>,
  shrU: binary('i64', [0x88]) as Binary<'i64'>,
  extendU: (a: I32): I64 => operator('i64', [0xad], a),
  extendS: (a: I32): I64 => operator('i64', [0xac], a),
  /** An integer that a double holds. */
  ofF64: (a: F64): I64 => operator('i64', [BULK, 6], a),
}

export const f64 = {
  load: load('f64', [0x2b]) as Load<'f64'>,
  ofI64: (a: I64): F64 => operator('f64', [0xb9], a),
}

export const v128 = {
  const: (bytes: readonly number[]): V128 => ({
    type: 'v128',
    code: [...simd(12), ...bytes.map((byte) => byte & 255)],
  }),
  load: load('v128', simd(0)) as Load<'v128'>,
  /** A word of memory in each of the four lanes. */
  load32Splat: load('v128', simd(9)) as Load<'v128'>,
  load64Splat: load('v128', simd(10)) as Load<'v128'>,
  and: binary('v128', simd(0x4e)) as Binary<'v128'>,
  or: binary('v128', simd(0x50)) as Binary<'v128'>,
  xor: binary('v128', simd(0x51)) as Binary<'v128'>,
  anyTrue: (a: V128): I32 => operator('i32', simd(0x53), a),
  /** Bytes picked from the 32 of both vectors. */
  shuffle: (a: V128, b: V128, picks: readonly number[]): V128 => operator('v128', [...simd(13), ...picks], a, b),
  splat8: (a: I32): V128 => operator('v128', simd(15), a),
  splat32: (a: I32): V128 => operator('v128', simd(17), a),
  splat64: (a: I64): V128 => operator('v128', simd(18), a),
  /** All ones where the signed byte of `a` is greater. */
  greater8: (a: V128, b: V128): V128 => operator('v128', simd(0x27), a, b),
  equal8: (a: V128, b: V128): V128 => operator('v128', simd(0x23), a, b),
  add8: binary('v128', simd(0x6e)) as Binary<'v128'>,
  add32: binary('v128', simd(0xae)) as Binary<'v128'>,
  shl32: shift(0xab) as Shift,
  shrU32: shift(0xad) as Shift,
  shl64: shift(0xcb) as Shift,
  shrU64: shift(0xcd) as Shift,
  replace64: (a: V128, lane: number, value: I64): V128 => operator('v128', [...simd(0x1e), lane], a, value),
  replace32: (a: V128, lane: number, value: I32): V128 => operator('v128', [...simd(0x1c), lane], a, value),
  extract64: (a: V128, lane: number): I64 => operator('i64', [...simd(0x1d), lane], a),
  extract32: (a: V128, lane: number): I32 => operator('i32', [...simd(0x1b), lane], a),
  /** `table` looked up at the bytes of `indices`, 0 for an index above 15. */
  swizzle: (table: V128, indices: V128): V128 => operator('v128', simd(14), table, indices),
  /**
   * The same for indices that are at most 15, for which the plain and the relaxed instruction agree. The plain one is encoded
   * with a needless byte, so that modules of either kind differ in nothing but these places.
   */
  lookUp: (isRelaxed: boolean, table: V128, indices: V128): V128 =>
    operator('v128', isRelaxed ? simd(0x100) : [SIMD, 0x8e, 0x00], table, indices),
  zero: (): V128 => v128.const(Array.from({ length: 16 }, () => 0)),
  /** One byte in all lanes. */
  bytes: (value: number): V128 => v128.splat8(i32.const((value << 24) >> 24)),
}

/** What is called by its index; made by {@link Assembly.define}. */
export interface Callable<
  P extends readonly ValueType[] = readonly ValueType[],
  R extends ValueType | undefined = ValueType | undefined,
> {
  readonly index: number
  readonly params: P
  readonly result: R
}

type Locals<P extends readonly ValueType[]> = { readonly [K in keyof P]: Local<P[K]> }
type Operands<P extends readonly ValueType[]> = { readonly [K in keyof P]: Expression<P[K]> }

/** The body of one function, as it is written. */
export class Body {
  readonly #types: ValueType[]
  #code: number[] = []

  constructor(params: readonly ValueType[]) {
    this.#types = [...params]
  }

  /** A new variable, set at once if a value is given; else it must be set before it is read. */
  local<T extends ValueType>(type: T, value?: Expression<T>): Local<T> {
    const index = this.#types.push(type) - 1
    const local = localAt(type, index)
    if (value !== undefined) this.set(local, value)
    return local
  }

  i32(value?: I32): Local<'i32'> {
    return this.local('i32', value)
  }

  i64(value?: I64): Local<'i64'> {
    return this.local('i64', value)
  }

  v128(value?: V128): Local<'v128'> {
    return this.local('v128', value)
  }

  set<T extends ValueType>(local: Local<T>, value: Expression<T>): void {
    this.#code.push(...value.code, LOCAL_SET, ...unsigned(local.index))
  }

  /** Sets one after the other. */
  setAll<T extends ValueType>(locals: readonly Local<T>[], values: readonly Expression<T>[]): void {
    for (const [i, local] of locals.entries()) this.set(local, values[i] as Expression<T>)
  }

  /** Stores vectors one behind the other. */
  storeAll(address: I32, values: readonly V128[], offset = 0): void {
    for (const [i, value] of values.entries()) this.store(address, value, offset + 16 * i)
  }

  /** `local += by`. */
  advance(local: Local<'i32'>, by: number): void {
    this.set(local, i32.add(local, i32.const(by)))
  }

  store(address: I32, value: Expression, offset = 0): void {
    const opcode = { i32: [0x36], i64: [0x37], f64: [0x39], v128: simd(11) }[value.type]
    this.#code.push(...address.code, ...value.code, ...opcode, 0, ...unsigned(offset))
  }

  store8(address: I32, value: I32, offset = 0): void {
    this.#code.push(...address.code, ...value.code, 0x3a, 0, ...unsigned(offset))
  }

  /** The first 1, 2, 4 or 8 bytes of a vector. */
  storeFirst(size: 1 | 2 | 4 | 8, address: I32, value: V128): void {
    const opcode = { 1: 0x58, 2: 0x59, 4: 0x5a, 8: 0x5b }[size]
    this.#code.push(...address.code, ...value.code, ...simd(opcode), 0, 0, 0)
  }

  fill(address: I32, value: number, length: I32): void {
    this.#code.push(...address.code, ...i32.const(value).code, ...length.code, BULK, 11, 0)
  }

  copy(to: I32, from: I32, length: I32): void {
    this.#code.push(...to.code, ...from.code, ...length.code, BULK, 10, 0, 0)
  }

  /** Calls for the effects alone. */
  run<P extends readonly ValueType[]>(callable: Callable<P, undefined>, ...operands: Operands<P>): void {
    this.#code.push(...callCode(callable.index, operands))
  }

  if(condition: I32, then: () => void, otherwise?: () => void): void {
    this.#code.push(...condition.code, IF, EMPTY)
    then()
    if (otherwise !== undefined) {
      this.#code.push(ELSE)
      otherwise()
    }
    this.#code.push(END)
  }

  while(condition: I32, body: () => void): void {
    this.#code.push(BLOCK, EMPTY, LOOP, EMPTY, ...i32.isZero(condition).code, BRANCH_IF, 1)
    body()
    this.#code.push(BRANCH, 0, END, END)
  }

  /** Runs the body once, and again as long as the condition holds after it. */
  repeat(body: () => void, condition: I32): void {
    this.#code.push(LOOP, EMPTY)
    body()
    this.#code.push(...condition.code, BRANCH_IF, 0, END)
  }

  return(value?: Expression): void {
    this.#code.push(...(value?.code ?? []), RETURN)
  }

  /** The body as it stands in the code section, its locals in runs of one type. @internal */
  encode(params: number, result?: Expression): number[] {
    const runs: [number, ValueType][] = []
    for (const type of this.#types.slice(params)) {
      const last = runs.at(-1)
      if (last?.[1] === type) last[0] += 1
      else runs.push([1, type])
    }
    const locals = runs.flatMap(([count, type]) => [...unsigned(count), TYPE_CODES[type]])
    const bytes = [...unsigned(runs.length), ...locals, ...this.#code, ...(result?.code ?? []), END]
    return [...unsigned(bytes.length), ...bytes]
  }
}

function localAt<T extends ValueType>(type: T, index: number): Local<T> {
  return { type, index, code: [LOCAL_GET, ...unsigned(index)] }
}

function callCode(index: number, operands: readonly Expression[]): number[] {
  return [...operands.flatMap(({ code }) => code), CALL, ...unsigned(index)]
}

/** A call as an expression. */
export function call<P extends readonly ValueType[], R extends ValueType>(
  callable: Callable<P, R>,
  ...operands: Operands<P>
): Expression<R> {
  return { type: callable.result, code: callCode(callable.index, operands) }
}

/** One module: functions over a memory that is imported as `host.memory`. */
export class Assembly {
  readonly #types: string[] = []
  readonly #functions: { readonly type: number; readonly body: number[] }[] = []
  readonly #exports: [name: string, index: number][] = []

  /** Defines a function; `write` returns its result, if it has one. With a name it is exported. */
  define<const P extends readonly ValueType[], R extends ValueType>(
    params: P,
    write: (body: Body, ...locals: Locals<P>) => Expression<R>,
    name?: string,
  ): Callable<P, R> {
    const [index, result] = this.#add(params, write as (body: Body, ...locals: Local[]) => Expression | undefined, name)
    return { index, params, result: result as R }
  }

  /** The same without a result. */
  procedure<const P extends readonly ValueType[]>(
    params: P,
    write: (body: Body, ...locals: Locals<P>) => void,
    name?: string,
  ): Callable<P, undefined> {
    const wrapped = (body: Body, ...locals: Local[]): undefined => {
      write(body, ...(locals as unknown as Locals<P>))
    }
    const [index] = this.#add(params, wrapped, name)
    return { index, params, result: undefined }
  }

  /** The module. */
  encode(): Uint8Array {
    const exports = this.#exports.flatMap(([name, index]) => [...text(name), 0, ...unsigned(index)])
    return new Uint8Array([
      // Magic number and version.
      ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      ...section(1, vector(this.#types.map((type) => type.split(' ').map(Number)))),
      // A memory of at least one page.
      ...section(2, vector([[...text('host'), ...text('memory'), 2, 0, 1]])),
      ...section(3, vector(this.#functions.map(({ type }) => unsigned(type)))),
      ...section(7, [...unsigned(this.#exports.length), ...exports]),
      ...section(10, vector(this.#functions.map(({ body }) => body))),
    ])
  }

  #add(
    params: readonly ValueType[],
    write: (body: Body, ...locals: Local[]) => Expression | undefined,
    name: string | undefined,
  ): [index: number, result: ValueType | undefined] {
    const body = new Body(params)
    const result = write(body, ...params.map((type, at) => localAt(type, at)))
    const index = this.#functions.length
    const type = this.#typeIndex(params, result?.type)
    this.#functions.push({ type, body: body.encode(params.length, result) })
    if (name !== undefined) this.#exports.push([name, index])
    return [index, result?.type]
  }

  #typeIndex(params: readonly ValueType[], result: ValueType | undefined): number {
    const codes = (types: readonly ValueType[]): number[] => [types.length, ...types.map((type) => TYPE_CODES[type])]
    const type = [0x60, ...codes(params), ...codes(result === undefined ? [] : [result])].join(' ')
    const known = this.#types.indexOf(type)
    return known >= 0 ? known : this.#types.push(type) - 1
  }
}

function text(name: string): number[] {
  return [...unsigned(name.length), ...Array.from(name, (letter) => letter.charCodeAt(0))]
}

function vector(items: readonly (readonly number[])[]): number[] {
  return [...unsigned(items.length), ...items.flat()]
}

function section(id: number, bytes: readonly number[]): number[] {
  return [id, ...unsigned(bytes.length), ...bytes]
}
