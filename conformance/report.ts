// Prints what a suite yields, counts it, and decides the exit code.
import type { CaseResult } from './suite.ts'

/**
 * Prints results as they come and the closing line.
 * @returns 1 if anything failed: a case, the suite itself by throwing, or the suite by having no cases; else 0
 */
export async function report(results: AsyncIterable<CaseResult>): Promise<number> {
  const count = { passed: 0, failed: 0, skipped: 0 }
  const note = ({ name, status, error }: CaseResult) => {
    count[status]++
    console.log(`${status.padEnd(7)} ${name}${error ? `: ${error}` : ''}`)
  }
  try {
    for await (const result of results) note(result)
    if (count.passed + count.failed + count.skipped === 0)
      note({ name: 'cases', status: 'failed', error: 'none found' })
  } catch (error) {
    note({
      name: 'the suite itself',
      status: 'failed',
      error: (error instanceof Error && error.stack) || String(error),
    })
  }
  console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`)
  return count.failed ? 1 : 0
}
