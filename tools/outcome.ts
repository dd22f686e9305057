// What every check of the workspace yields, one for each thing checked, and the line that closes a run.

export interface Outcome {
  name: string
  status: 'passed' | 'failed' | 'skipped'
  /** Why it failed, or why it was skipped. */
  error?: string
}

export interface Count {
  passed: number
  failed: number
  skipped: number
}

export const closingLine = ({ passed, failed, skipped }: Count) =>
  `${passed} passed, ${failed} failed, ${skipped} skipped`

/** Prints outcomes as they come (those that `shown` lets through), failures in full, and counts them. */
export async function tally(
  outcomes: AsyncIterable<Outcome> | Iterable<Outcome>,
  shown: (status: Outcome['status']) => boolean = () => true,
): Promise<Count> {
  const count: Count = { passed: 0, failed: 0, skipped: 0 }
  for await (const { name, status, error } of outcomes) {
    count[status]++
    if (!shown(status)) continue
    console.log(`  ${status.padEnd(7)} ${name}${status === 'skipped' && error ? ` (${error})` : ''}`)
    if (status === 'failed' && error) console.log(error.trimEnd().replaceAll(/^/gm, '          '))
  }
  return count
}

/** Runs `work` as one check: it passed unless it threw. */
export async function attempt(name: string, work: () => unknown): Promise<Outcome> {
  try {
    await work()
    return { name, status: 'passed' }
  } catch (error) {
    return { name, status: 'failed', error: error instanceof Error ? error.message : String(error) }
  }
}
