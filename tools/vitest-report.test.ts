// Every way in which vitest can fail is counted, on reports that a real vitest wrote.
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { outcomesOf, type Report } from './vitest-report.ts'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const folder = join(root, '.cache', `vitest-report-${process.pid}`)

const files = {
  'mixed.test.ts': `import { test } from 'vitest'
    test('good', () => {})
    test('bad', () => { throw new Error('bad') })
    test.skip('left out', () => {})
    test.todo('to do')`,
  'broken.test.ts': `import './nowhere.ts'
    import { test } from 'vitest'
    test('never', () => {})`,
  'late.test.ts': `import { test } from 'vitest'
    test('leaves a rejection behind', async () => {
      Promise.reject(new Error('late'))
      await new Promise(done => setTimeout(done, 20))
    })`,
}

/** Runs vitest on some of the files; its exit code and report. */
function vitest(...names: (keyof typeof files)[]): [Report, number] {
  const report = join(folder, `${names.join()}.json`)
  const args = ['run', '--root', folder, '--reporter=json', `--outputFile=${report}`, ...names]
  let code = 0
  try {
    execFileSync('vitest', args, { stdio: 'ignore', shell: process.platform === 'win32' })
  } catch (error) {
    code = (error as { status: number }).status
  }
  return [JSON.parse(readFileSync(report, 'utf8')) as Report, code]
}

beforeAll(() => {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'vitest.config.ts'), 'export default {}')
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('tests that passed, failed, were skipped or are to do', () => {
  const outcomes = [...outcomesOf(...vitest('mixed.test.ts'), folder)]
  expect(outcomes.map(({ name, status }) => `${status} ${name}`)).toEqual([
    'passed mixed.test.ts: good',
    'failed mixed.test.ts: bad',
    'skipped mixed.test.ts: left out',
    'skipped mixed.test.ts: to do',
  ])
})

test('a file that cannot be loaded has failed', () => {
  const outcomes = [...outcomesOf(...vitest('broken.test.ts'), folder)]
  expect(outcomes).toMatchObject([{ name: 'broken.test.ts could not be run', status: 'failed' }])
})

test('an error outside every test has failed, though all tests passed', () => {
  const outcomes = [...outcomesOf(...vitest('late.test.ts'), folder)]
  expect(outcomes.map(outcome => outcome.status)).toEqual(['passed', 'failed'])
  expect(outcomes[1]?.name).toContain('exit code 1')
})
