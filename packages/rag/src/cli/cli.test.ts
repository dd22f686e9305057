import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openMemoryStore } from '../stores/memory.ts'
import { type Io, main } from './main.ts'
import { serve } from './serve.ts'

let base: string
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'cairn-rag-'))
  await mkdir(join(base, 'docs'))
  await writeFile(join(base, 'docs', 'whales.md'), '# Whales\n\nThe blue whale weighs 150 tonnes.\n')
  await writeFile(join(base, 'docs', 'broken.pdf'), 'no pdf')
  await writeFile(join(base, 'docs', 'page.html'), '<h1>Ships</h1><p>A frigate carries guns.')
})
afterAll(() => rm(base, { recursive: true }))

async function rag(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const [out, err]: [string[], string[]] = [[], []]
  const io: Io = {
    out: text => out.push(text),
    err: text => err.push(text),
    interactive: false,
    signal: AbortSignal.timeout(1),
  }
  const code = await main(args, io)
  return { code, out: out.join('\n'), err: err.join('\n') }
}

test('index, search, ask', async () => {
  const db = join(base, 'x.db')
  const indexed = await rag('index', join(base, 'docs'), '--db', db)
  expect(indexed).toMatchObject({ code: 0, out: expect.stringContaining('2 documents of 2 files read, 1 left out') })
  expect(indexed.err).toContain('left out: broken.pdf: malformed')
  const found = await rag('search', 'frigate guns', '--db', db)
  expect(found.out).toMatch(/^page\.html {2}\([\d.]+\)\n.*A frigate carries guns\./)
  expect(JSON.parse((await rag('search', 'frigate', '--db', db, '--json')).out)).toMatchObject({ id: 'page.html' })
  const asked = await rag('ask', 'How much does the blue whale weigh?', '--db', db)
  expect(asked.out).toBe('\u201cThe blue whale weighs 150 tonnes.\u201d [1]\n[1] whales.md:3')
  expect((await rag('ask', 'Who painted it?', '--db', db)).out).toBe('No answer: nothing found.')
  const module_ = join(base, 'writer.mjs')
  await writeFile(
    module_,
    'export default { generate: async () => "The blue whale weighs 150 tonnes [1]. It sings opera [1]." }',
  )
  expect((await rag('ask', 'blue whale', '--db', db, '--generator', module_)).out).toBe(
    'The blue whale weighs 150 tonnes [1].\n[1] whales.md:3',
  )
  expect((await rag('serve', '--db', db, '--port', '0')).out).toContain('/openapi.json')
})

test('documents for some are for them only', async () => {
  const db = join(base, 'private.db')
  await rag('index', join(base, 'docs'), '--db', db, '--for', 'captain')
  expect((await rag('search', 'whale', '--db', db)).err).toBe('nothing found')
  expect((await rag('search', 'tonnes', '--db', db, '--as', 'captain')).out).toContain('whales.md:3')
})

test('errors are one line that says what to do', async () => {
  expect(await rag('search', 'x', '--db', join(base, 'none.db'))).toMatchObject({
    code: 1,
    err: expect.stringMatching(/^rag: there is no index .*rag index <folder>/),
  })
  expect(await rag('index', join(base, 'none'), '--db', join(base, 'y.db'))).toMatchObject({
    code: 1,
    err: expect.stringContaining('is no folder'),
  })
  expect(await rag('search')).toMatchObject({
    code: 1,
    err: expect.stringContaining("missing required argument 'query'"),
  })
  expect(await rag('search', 'x', '-k', '0')).toMatchObject({ code: 1, err: expect.stringContaining('whole number') })
  expect(await rag('eval', 'a', 'b', 'c')).toMatchObject({ code: 1, err: expect.stringContaining('ENOENT') })
  await writeFile(join(base, 'empty.mjs'), '')
  expect(await rag('ask', 'x', '--db', join(base, 'x.db'), '--generator', join(base, 'empty.mjs'))).toMatchObject({
    code: 1,
    err: expect.stringContaining('no method generate'),
  })
})

test('eval measures a collection and writes a page', async () => {
  const files = {
    'corpus.jsonl':
      '{"_id":"a","title":"T","text":"blue whales <swim>"}\n{"_id":"b","title":"","text":"red ships sail"}\n',
    'queries.jsonl': '{"_id":"1","text":"whale"}\n{"_id":"2","text":"<b>sails"}\n{"_id":"3","text":"nothing there"}\n',
    'qrels.tsv': 'query-id\tcorpus-id\tscore\n1\ta\t1\n2\tb\t1\n3\ta\t1\n',
  }
  for (const [name, text] of Object.entries(files)) await writeFile(join(base, name), text)
  const page = join(base, 'report.html')
  const { out } = await rag('eval', ...Object.keys(files).map(name => join(base, name)), '--report', page)
  expect(out).toMatch(/ndcg@10 +0\.6667\n/)
  const html = await readFile(page, 'utf8')
  expect(html).toContain('0.6667')
  expect(html).toContain('&#60;b&#62;sails')
  expect(html.indexOf('nothing there')).toBeLessThan(html.indexOf('whale'))
  expect(html).toContain('not found: a')
})

test('the server: routes as described, bad requests, access', async () => {
  const store = await openMemoryStore()
  await store.put([
    { id: 'open', source: 'open.md', chunks: [{ text: 'The blue whale eats krill.', span: [0, 26] }] },
    { id: 'hidden', principals: ['captain'], chunks: [{ text: 'The blue whale has a name.', span: [0, 26] }] },
  ])
  const server = await serve(store)
  try {
    const post = async (path: string, body: unknown) => {
      const response = await fetch(new URL(path, server.url), {
        method: 'POST',
        body: typeof body === 'string' ? body : JSON.stringify(body),
      })
      return { status: response.status, body: (await response.json()) as Record<string, unknown> }
    }
    const description = (await (await fetch(`${server.url}openapi.json`)).json()) as {
      openapi: string
      paths: Record<string, object>
    }
    expect(description.openapi).toBe('3.1.0')
    expect(Object.keys(description.paths)).toEqual(['/health', '/search', '/ask'])
    expect(await (await fetch(`${server.url}health`)).json()).toMatchObject({ documents: 2 })
    expect((await post('search', { text: 'blue whale' })).body.hits).toMatchObject([{ id: 'open' }])
    expect((await post('ask', { question: 'What does the blue whale eat?' })).body.text).toContain('krill')
    for (const body of [
      '{',
      '[]',
      {},
      { text: 3 },
      { text: 'x', k: 1.5 },
      { text: 'x', more: 1 },
      { text: 'x', filter: { nonsense: 1 } },
      { text: 'x', k: 0 },
      { text: 'y'.repeat(100_000) },
    ])
      expect(await post('search', body), JSON.stringify(body).slice(0, 40)).toMatchObject({
        status: 400,
        body: { error: expect.any(String) },
      })
    expect((await post('search', `{"text":"${'x'.repeat(2 << 20)}"}`).catch(() => ({ status: 413 }))).status).toBe(413)
    expect((await fetch(`${server.url}search`)).status).toBe(405)
    expect((await fetch(`${server.url}nowhere`)).status).toBe(404)
  } finally {
    await server.close()
  }
})
