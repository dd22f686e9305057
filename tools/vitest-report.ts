// Reads vitest's JSON report, so that no way to fail goes uncounted: a failed test, a file that could not be run, or an error
// outside every test, which only shows in the exit code.
import { relative } from 'node:path'
import type { Outcome } from './outcome.ts'

/** The part of the report that is read here; it has the shape of Jest's. */
export interface Report {
  testResults: { name: string; status: string; message?: string; assertionResults: Assertion[] }[]
}

interface Assertion {
  status: string
  fullName: string
}

/** One outcome for each test, one for each file that could not be run, and one for an unexplained exit code. */
export function* outcomesOf({ testResults }: Report, exitCode: number, root: string): Generator<Outcome> {
  let failures = 0
  for (const { name: file, status, message, assertionResults } of testResults) {
    const path = relative(root, file)
    for (const test of assertionResults) {
      const failed = test.status === 'failed'
      if (failed) failures++
      yield {
        name: `${path}: ${test.fullName}`,
        status: failed ? 'failed' : test.status === 'passed' ? 'passed' : 'skipped',
      }
    }
    if (status !== 'failed' || assertionResults.some(test => test.status === 'failed')) continue
    failures++
    yield { name: `${path} could not be run`, status: 'failed', ...(message && { error: message }) }
  }
  if (exitCode !== 0 && failures === 0)
    yield { name: `vitest ended with exit code ${exitCode} although no test failed`, status: 'failed' }
}
