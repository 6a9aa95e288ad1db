/** Ends a test run with the one line that continuous integration reads: `N passed, N failed`. */
import { readFileSync } from 'node:fs'
import type { Reporter, TestCase, TestModule } from 'vitest/node'
import { type Counts, closingLine, failedLine, vectorsLine } from './closing-line.ts'
import { hasVectors } from './vectors.ts'

/** Vitest makes one of these from its configuration, which wants a default export. */
export default class CountReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const counts: Counts = { passed: 0, failed: unhandledErrors.length, skipped: 0 }
    let withoutVectors = 0
    for (const module of modules) {
      const own = countTests(module)
      // A file that cannot be loaded, or whose hooks fail, has no failed test of its own.
      if (own.failed === 0 && module.state() === 'failed') own.failed = 1
      if (!hasVectors && own.skipped > 0 && usesVectors(module.moduleId)) withoutVectors += own.skipped
      counts.passed += own.passed
      counts.failed += own.failed
      counts.skipped += own.skipped
    }
    console.log()
    for (const line of modules.flatMap(failures)) console.log(line)
    for (const error of unhandledErrors) console.log(failedLine(`outside of any test: ${messageOf(error)}`))
    if (withoutVectors > 0) console.log(`\n${vectorsLine(withoutVectors)}`)
    console.log(`\n${closingLine(counts)}`)
  }
}

function countTests(module: TestModule): Counts {
  const counts: Counts = { passed: 0, failed: 0, skipped: 0 }
  for (const test of module.children.allTests()) {
    const { state } = test.result()
    if (state === 'passed' || state === 'failed') counts[state]++
    else counts.skipped++
  }
  return counts
}

/** The failed tests of a file; the file itself, where it cannot be loaded or its hooks fail. */
function failures(module: TestModule): string[] {
  const where = `${module.project.name} ${module.relativeModuleId}`
  const line = (name: string, errors: readonly unknown[]): string =>
    failedLine(`${where}${name}: ${errors.map(messageOf).join('\n')}`)
  const failed = (test: TestCase): boolean => test.result().state === 'failed'
  const own = [...module.children.allTests()].filter(failed)
  if (own.length > 0) return own.map((test) => line(` > ${test.fullName}`, test.result().errors ?? []))
  return module.state() === 'failed' ? [line('', module.errors())] : []
}

function messageOf(error: unknown): string {
  return error instanceof Object && 'message' in error ? String(error.message) : String(error)
}

function usesVectors(file: string): boolean {
  return readFileSync(file, 'utf8').includes('support/vectors.ts')
}
