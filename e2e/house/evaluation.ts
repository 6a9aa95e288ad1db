/** Finds what a module does while it is evaluated, from its syntax tree. Constants and declarations do nothing. */
import { transformSync } from 'esbuild'
import { parseAst } from 'rollup/parseAst'

// What makes a value and touches nothing else.
const PURE_CALLS: readonly string[] = ['Object.freeze', 'Symbol', 'BigInt', 'Symbol.for', 'Number']
const PURE_CLASSES: readonly string[] = [
  'Uint8Array',
  'Uint16Array',
  'Uint32Array',
  'Map',
  'Set',
  'WeakMap',
  'WeakSet',
  'RegExp',
  'URL',
]
const NOT_EVALUATED: readonly string[] = [
  'FunctionDeclaration',
  'FunctionExpression',
  'ArrowFunctionExpression',
  'MethodDefinition',
]
const FINDINGS: Readonly<Record<string, string>> = {
  AwaitExpression: 'awaits',
  UpdateExpression: 'changes a value',
  AssignmentExpression: 'changes a value',
  ThrowStatement: 'throws',
  ForStatement: 'loops',
  ForOfStatement: 'loops',
  ForInStatement: 'loops',
  WhileStatement: 'loops',
  DoWhileStatement: 'loops',
  TaggedTemplateExpression: 'calls a tag',
  StaticBlock: 'has a static block',
}

interface Node {
  readonly type: string
  readonly start: number
  readonly [key: string]: unknown
}

/** What `source` (TypeScript) does on being imported, one phrase each; empty when it does nothing. */
export function evaluationEffects(source: string): string[] {
  const { code } = transformSync(source, { loader: 'ts', target: 'es2022', format: 'esm' })
  const effects: string[] = []
  visit(parseAst(code) as unknown as Node, (node) => {
    const finding = effectOf(node, code)
    if (finding !== undefined) effects.push(finding)
  })
  return effects
}

function effectOf(node: Node, code: string): string | undefined {
  const callee = isNode(node['callee']) ? code.slice(node['callee'].start, Number(node['callee']['end'])) : ''
  // The author's word, which bundlers take as well: nobody misses the call if its value is not used.
  if (/\/\* @__PURE__ \*\/\s*$/.test(code.slice(0, node.start))) return undefined
  if (node.type === 'CallExpression' && !PURE_CALLS.includes(callee)) return `calls ${callee}`
  if (node.type === 'NewExpression' && !PURE_CLASSES.includes(callee)) return `makes a ${callee}`
  return FINDINGS[node.type]
}

function visit(node: Node, found: (node: Node) => void): void {
  if (NOT_EVALUATED.includes(node.type)) return
  // An instance's fields are evaluated when there is an instance.
  if (node.type === 'PropertyDefinition' && node['static'] === false) return
  found(node)
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) if (isNode(child)) visit(child, found)
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string'
}
