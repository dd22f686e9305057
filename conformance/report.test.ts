// The exit code and the closing line of a suite: what scripts around the command rely on.
import { execFileSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { report } from './report.ts'
import type { CaseResult } from './suite.ts'

let lines: string[] = []
beforeEach(() => {
  lines = []
  vi.spyOn(console, 'log').mockImplementation(line => void lines.push(String(line)))
})
afterEach(() => vi.restoreAllMocks())

async function* cases(...results: (CaseResult | Error)[]): AsyncGenerator<CaseResult> {
  for (const result of results)
    if (result instanceof Error) throw result
    else yield result
}

test('all passed: exit code 0', async () => {
  const skipped: CaseResult = { name: 'b', status: 'skipped', error: 'no file' }
  expect(await report(cases({ name: 'a', status: 'passed' }, skipped))).toBe(0)
  expect(lines).toEqual(['passed  a', 'skipped b: no file', '1 passed, 0 failed, 1 skipped'])
})

test('one failed: exit code 1, and its name with the error', async () => {
  const failed: CaseResult = { name: 'b', status: 'failed', error: 'off by 0.1' }
  expect(await report(cases({ name: 'a', status: 'passed' }, failed))).toBe(1)
  expect(lines).toContain('failed  b: off by 0.1')
  expect(lines.at(-1)).toBe('1 passed, 1 failed, 0 skipped')
})

test('a suite without cases has failed', async () => {
  expect(await report(cases())).toBe(1)
  expect(lines.at(-1)).toBe('0 passed, 1 failed, 0 skipped')
})

test('a suite that throws has failed once more, and what passed before counts', async () => {
  expect(await report(cases({ name: 'a', status: 'passed' }, new Error('broken file')))).toBe(1)
  expect(lines.join('\n')).toContain('broken file')
  expect(lines.at(-1)).toBe('1 passed, 1 failed, 0 skipped')
})

test.each([
  [['no-such-suite'], `There is no suite 'no-such-suite'`],
  [['--what'], `Unknown option '--what'`],
])('a mistake in the command %j is one line and exit code 1', (args, message) => {
  const main = join(dirname(fileURLToPath(import.meta.url)), 'main.ts')
  const command = () => execFileSync(process.execPath, [main, ...args], { encoding: 'utf8', stdio: 'pipe' })
  expect(command).toThrow(message)
})
