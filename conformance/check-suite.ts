// One suite on one device as a test. This workspace is installed when its command is first run, so without it, and without the
// reference data, the test is skipped by name.
import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { TestDevice } from '../packages/tensor/src/testing/devices.ts'
import { command } from '../tools/command.ts'
import { findSharedData } from './shared-data.ts'
import type { CaseResult, Suite } from './suite.ts'

const installed = existsSync(new URL('node_modules/@cairn', import.meta.url))

export interface SuiteCheck {
  name: string
  /** where its cases are, in shared/data */
  data: string
  only?: string
  /** a suite that finds fewer cases has not passed */
  cases: number
  /** of them, those that pass at least; default: all that are not skipped */
  passed?: number
}

export function checkSuite(
  { name, data, only, cases, passed = 0 }: SuiteCheck,
  { name: device, missing }: TestDevice,
): void {
  const path = findSharedData(data)
  const reason = missing
    ? `the device does not start: ${missing}`
    : !path
      ? `shared/data/${data} is not here`
      : !installed
        ? `the workspace is not installed; run ${command('conformance')} once`
        : null
  const title = `${name} on ${device}${reason ? ` (skipped: ${reason})` : ''}`
  test.skipIf(reason)(title, { timeout: 300_000 }, async () => {
    const suite = (await import(`./suites/${name}.ts`)) as Suite
    const results: CaseResult[] = []
    for await (const result of suite.run({ path: path!, device, only })) results.push(result)
    expect(results.filter(r => r.status === 'failed')).toEqual([])
    expect(results.length).toBeGreaterThanOrEqual(cases)
    expect(results.filter(r => r.status === 'passed').length).toBeGreaterThanOrEqual(passed)
  })
}
