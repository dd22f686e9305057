// `pnpm test`: everything that must hold, one stage after the other, and one plain line at the end:
// `N passed, N failed, N skipped` over all of them. A check, like lint, counts as one test. Names given on the command line
// choose stages: `pnpm test lint types`.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'
import { checkImports } from './check-imports.ts'
import { checkPackages } from './check-packages.ts'
import { findChromium } from './chromium.ts'
import { checkDocuments } from './doc-blocks.ts'
import { brokenLinks, missingSources } from './doc-links.ts'
import { attempt, type Count, closingLine, type Outcome, tally } from './outcome.ts'
import { root, run } from './pack.ts'
import { outcomesOf, type Report } from './vitest-report.ts'

/** What a stage does, in the order in which stages run: the quick ones that fail most often come first. */
const stages: Record<string, () => AsyncIterable<Outcome> | Promise<Count>> = {
  build: () => one('every package builds', () => run('turbo', ['run', 'build', '--output-logs=errors-only'])),
  lint: () => one('biome finds nothing', () => run('biome', ['ci', '--error-on-warnings', '--colors=off', '.'])),
  types: () => one('the TypeScript compiler finds nothing', () => run('tsc', ['-p', '.', '--pretty', 'false'])),
  imports: () =>
    one('imports go only where they may', () => {
      const breaches = checkImports(root)
      if (breaches.length) throw new Error(breaches.join('\n'))
    }),
  docs: () => checkDocuments(),
  links: () =>
    one('links between documents lead somewhere, and files that they name are there', () => {
      const broken = [...brokenLinks(), ...missingSources()]
      if (broken.length) throw new Error(broken.join('\n'))
    }),
  ops: () =>
    one('docs/ops.md says what the tests hold each op to', () =>
      run('node', ['--conditions=@cairn/source', 'tools/ops-table.ts', '--check']),
    ),
  reference: () => one('typedoc finds nothing to warn of', () => run('typedoc', ['--logLevel', 'Warn'])),
  node: () => vitest('vitest.config.ts'),
  browser: () => (findChromium() ? vitest('vitest.browser.config.ts') : tally(skipBrowserTests())),
  packages: () => checkPackages(),
}

async function* one(name: string, work: () => unknown): AsyncGenerator<Outcome> {
  yield attempt(name, work)
}

/** Runs vitest with its own output, and counts from its report. */
async function vitest(config: string): Promise<Count> {
  const file = join(root, '.cache', `${config}.json`)
  mkdirSync(join(root, '.cache'), { recursive: true })
  rmSync(file, { force: true })
  const code = await inherit('vitest', [
    'run',
    `--config=${config}`,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${file}`,
  ])
  if (!existsSync(file)) return { passed: 0, failed: 1, skipped: 0 }
  return tally(outcomesOf(JSON.parse(readFileSync(file, 'utf8')) as Report, code, root), status => status !== 'passed')
}

/** Names the tests of the browser where there is none. */
async function* skipBrowserTests(): AsyncGenerator<Outcome> {
  const listed = run('vitest', ['list', '--config=vitest.browser.config.ts', '--json'])
  const tests = JSON.parse(listed.slice(listed.indexOf('['))) as { name: string; file: string }[]
  for (const { name, file } of tests)
    yield { name: `${relative(root, file)}: ${name}`, status: 'skipped', error: 'no Chromium on this machine' }
}

/** Runs a program with our own input and output; its exit code. */
function inherit(command: string, args: string[]): Promise<number> {
  return new Promise((done, fail) => {
    const child = spawn(command, args, { cwd: root, stdio: 'inherit', shell: process.platform === 'win32' })
    child.on('error', fail)
    child.on('exit', code => done(code ?? 1))
  })
}

const chosen = process.argv.slice(2)
const unknown = chosen.find(name => !(name in stages))
if (unknown) {
  console.error(`There is no stage '${unknown}'; there are: ${Object.keys(stages).join(', ')}.`)
  process.exit(1)
}

const total: Count = { passed: 0, failed: 0, skipped: 0 }
const summary: string[] = []
const begin = performance.now()
for (const [name, stage] of Object.entries(stages)) {
  if (chosen.length && !chosen.includes(name)) continue
  console.log(`\n== ${name}`)
  const start = performance.now()
  let count: Count
  try {
    const result = stage()
    count = result instanceof Promise ? await result : await tally(result)
  } catch (error) {
    console.log(`  failed  ${name}: ${error instanceof Error ? error.stack : error}`)
    count = { passed: 0, failed: 1, skipped: 0 }
  }
  for (const status of ['passed', 'failed', 'skipped'] as const) total[status] += count[status]
  summary.push(`${name.padEnd(10)} ${closingLine(count).padEnd(38)} ${seconds(start)}`)
}
console.log(`\n== all of it\n${summary.join('\n')}\n${'in'.padEnd(49)} ${seconds(begin)}\n\n${closingLine(total)}`)
process.exitCode = total.failed ? 1 : 0

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`.padStart(8)
}
