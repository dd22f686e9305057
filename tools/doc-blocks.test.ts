// The harness of the documentation finds the blocks, keeps their line numbers, and complains about what does not work.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { checkDocuments, programsOf } from './doc-blocks.ts'
import type { Outcome } from './outcome.ts'

const fence = '```'
const doc = (...blocks: string[]) => ['# Title', ...blocks].join('\n\n')
const block = (info: string, code: string) => `${fence}${info}\n${code}\n${fence}`

test('finds TypeScript blocks at the lines of the document', () => {
  const found = programsOf(
    doc(block('sh', 'ls'), block('ts', 'const a = 1'), block('ts no-run', 'const b = 2')),
    'a.md',
  )
  expect(found.map(({ line, run }) => ({ line, run }))).toEqual([
    { line: 8, run: true },
    { line: 12, run: false },
  ])
  expect(found[0]?.code.split('\n')[7]).toBe('const a = 1')
})

test('joins blocks that continue, each at its own line', () => {
  const [program, ...rest] = programsOf(
    doc(block('ts', 'const a = 1'), block('ts continues', 'console.log(a)')),
    'a.md',
  )
  expect(rest).toEqual([])
  expect(program?.code.split('\n')[3]).toBe('const a = 1')
  expect(program?.code.split('\n')[7]).toBe('console.log(a)')
})

test.each([
  ['an unknown word', block('ts norun', ''), `'norun' after ts`],
  ['nothing to continue', block('ts continues', ''), 'no block before'],
  ['an open fence', `${fence}ts\nconst a = 1`, 'not closed'],
])('refuses %s', (_, text, message) => {
  expect(() => programsOf(doc(text), 'a.md')).toThrow(message)
})

test('type-checks and runs, and says where a document is wrong', { timeout: 60_000 }, async () => {
  const path = 'docs/.cache/doc-blocks-test.md'
  const file = join(dirname(fileURLToPath(import.meta.url)), '..', path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(
    file,
    doc(
      block('ts', `const a: number = await Promise.resolve(1)\nif (a !== 1) throw new Error('no')`),
      block('ts', `const a: number = 'one'`),
      block('ts', `throw new Error('on purpose')`),
      block('ts no-run', `throw new Error('never')`),
    ),
  )
  try {
    const outcomes: Outcome[] = []
    for await (const outcome of checkDocuments([path])) outcomes.push(outcome)
    expect(outcomes.map(outcome => outcome.status)).toEqual(['passed', 'failed', 'failed', 'passed'])
    expect(outcomes[1]?.error).toContain(`${path}:9: Type 'string' is not assignable`)
    expect(outcomes[2]?.error).toContain(`${path}:13`)
    expect(outcomes[2]?.error).toContain('on purpose')
  } finally {
    rmSync(file)
  }
})
