// Which links are looked at: relative ones, in prose.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { brokenLinks, linksIn, missingSources } from './doc-links.ts'
import { root } from './pack.ts'

test('finds relative links and pictures with their lines, without fragments', () => {
  const text =
    'a [link](../a.md#part) and\n![picture](out/loss.svg "the loss") [here](#below) [web](https://example.org)'
  expect(linksIn(text)).toEqual([
    { target: '../a.md', line: 1 },
    { target: 'out/loss.svg', line: 2 },
  ])
})

test('does not look into code', () => {
  expect(linksIn('`[a](b)`\n```ts\nx[0](y)\n```\n[c](d)')).toEqual([{ target: 'd', line: 5 }])
})

test('names a link that leads nowhere, seen from its document', () => {
  const path = `docs/.cache/links-${process.pid}.md`
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), '[there](../../README.md)\n[nowhere](README.md)')
  try {
    expect(brokenLinks([path])).toEqual([`${path}:2: there is no README.md`])
  } finally {
    rmSync(join(root, path))
  }
})

test('names a source file that is nowhere, by its line', () => {
  const path = `docs/.cache/sources-${process.pid}.md`
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(
    join(root, path),
    '`graph/queue.ts` and `graph/lower-*.ts`\n`graph/cue.ts`, `lower-none-*.ts`, `a.b.ts(c)`',
  )
  try {
    expect(missingSources([path])).toEqual([
      `${path}:2: there is no graph/cue.ts`,
      `${path}:2: there is no lower-none-*.ts`,
    ])
  } finally {
    rmSync(join(root, path))
  }
})
