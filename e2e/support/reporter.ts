/** Ends a test run with the one line that continuous integration reads: `N passed, N failed`. */
import { readFileSync } from 'node:fs'
import type { Reporter, TestModule } from 'vitest/node'
import { type Counts, closingLine, vectorsLine } from './closing-line.ts'
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

function usesVectors(file: string): boolean {
  return readFileSync(file, 'utf8').includes('support/vectors.ts')
}
