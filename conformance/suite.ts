// What a suite is: a module in `suites/` that compares Cairn with stored results of other implementations.

export const devices = ['reference', 'wasm', 'webgpu', 'auto'] as const

/** A device that `--device` may name. */
export type DeviceName = (typeof devices)[number]

export interface SuiteOptions {
  /** The file or folder of cases: the one on the command line, else the suite's own `data`. */
  path: string
  device: DeviceName
  /** Runs one group of the cases; a suite without such a group throws and names those it has. */
  only?: string
}

export interface CaseResult {
  name: string
  status: 'passed' | 'failed' | 'skipped'
  /** Why it failed (with the largest difference and where), or why it was skipped. */
  error?: string
}

export interface Suite {
  /** One line for the listing. */
  description: string
  /** Where the cases are when the command names none, relative to `shared/data`. */
  data: string
  /** Yields one result per case as soon as it is known. A case whose op does not exist has failed. */
  run(options: SuiteOptions): AsyncIterable<CaseResult>
}
