import type { Reporter, TestModule } from 'vitest/node'

/** Says why tests that passed in the end had to be tried again. Ends a run with a line of its own, `12 passed, 0 failed, 1 skipped`, for whatever reads the output of a CI. */
export function createCountReporter(write: (line: string) => void = (line) => console.log(line)): Reporter {
  return {
    onTestRunEnd(modules, unhandledErrors) {
      for (const line of failedTries(modules)) write(line)
      const counts = countTests(modules)
      write(`\n${counts.passed} passed, ${counts.failed + unhandledErrors.length} failed, ${counts.skipped} skipped`)
    },
  }
}

/** A try that fails now and then is a fault that waits: it must be seen, though the run is good. */
export function failedTries(modules: readonly TestModule[]): string[] {
  return modules.flatMap((module) =>
    [...module.children.allTests('passed')].flatMap((test) =>
      (test.result().errors ?? []).map(({ message }) => `tried again: ${test.fullName}: ${message.slice(0, 2000)}`),
    ),
  )
}

export function countTests(modules: readonly TestModule[]): { passed: number; failed: number; skipped: number } {
  const counts = { passed: 0, failed: 0, skipped: 0 }
  for (const module of modules) {
    let failedHere = 0
    for (const test of module.children.allTests()) {
      const { state } = test.result()
      if (state === 'passed') counts.passed++
      else if (state === 'failed') failedHere++
      else counts.skipped++
    }
    // A file that does not load, or whose hook fails, has no failed test: it counts as one.
    counts.failed += failedHere === 0 && module.state() === 'failed' ? 1 : failedHere
  }
  return counts
}
