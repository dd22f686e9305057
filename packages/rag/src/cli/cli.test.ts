import { mkdir, mkdtemp, readFile, rm, unlink, writeFile } from 'node:fs/promises'
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
  expect(out).toMatch(/^lexical +0\.6667 /m)
  expect(out).not.toContain('dense')
  const html = await readFile(page, 'utf8')
  expect(html).toContain('0.6667')
  expect(html).toContain('&#60;b&#62;sails')
  expect(html.indexOf('nothing there')).toBeLessThan(html.indexOf('whale'))
  expect(html).toContain('not found: a')
})

/** Vectors of two topics by a word list: what a model would do, in three lines. */
const EMBEDDER = `
const topics = [/whale|krill|sea/i, /ship|frigate|sail|vessel|boat/i]
export default () => ({ name: 'topics', dimensions: 2, embed: async texts => {
  globalThis.embedded = (globalThis.embedded ?? 0) + texts.length
  return Float32Array.from(texts.flatMap(text => topics.map(topic => (topic.test(text) ? 1 : 0))))
} })`
const embeddedSoFar = () => (globalThis as { embedded?: number }).embedded ?? 0

test('indexing again: only what changed is read, what is gone goes, what stays stays', async () => {
  const docs = join(base, 'changing')
  const db = join(base, 'changing.db')
  await mkdir(docs)
  const text = (about: string) =>
    `# ${about}\n\n${about} is told here at some length, so that it is like nothing else.\n`
  for (const name of ['alpha', 'beta', 'gamma']) await writeFile(join(docs, `${name}.md`), text(name))
  await writeFile(join(docs, 'zwin.md'), text('alpha'))
  const first = await rag('index', docs, '--db', db)
  expect(first.out).toContain('3 documents of 4 files read, 1 left out; ')
  // Nothing new: the one that is nearly the same is looked at again, and left out again.
  const second = await rag('index', docs, '--db', db)
  expect(second.out).toContain('0 documents of 1 files read, 1 left out, 3 files unchanged; ')
  expect(second.err).toContain('zwin.md: nearly the same as alpha.md')
  await writeFile(join(docs, 'beta.md'), text('delta'))
  await unlink(join(docs, 'gamma.md'))
  const third = await rag('index', docs, '--db', db)
  expect(third.out).toContain('1 documents of 2 files read, 1 left out, 1 files unchanged, 1 documents removed; ')
  expect((await rag('search', 'delta', '--db', db)).out).toContain('beta.md')
  for (const gone of ['beta', 'gamma']) expect((await rag('search', gone, '--db', db)).err).toBe('nothing found')
  // The twin is taken in once what it was like is gone; another folder's documents are its own.
  await unlink(join(docs, 'alpha.md'))
  await rag('index', join(base, 'docs'), '--db', db)
  expect((await rag('index', docs, '--db', db)).out).toContain('1 documents of 1 files read, 0 left out, 1 files unchanged, 1 documents removed; ') // biome-ignore format: a sentence
  expect((await rag('search', 'alpha', '--db', db)).out).toContain('zwin.md')
  expect((await rag('search', 'frigate', '--db', db)).out).toContain('page.html')
  // Other passages of the same files.
  expect((await rag('index', docs, '--db', db, '--size', '64')).out).toContain(
    '2 documents of 2 files read, 0 left out; ',
  )
})

test('with an embedder: meaning is indexed once and searched, by words alone it is refused', async () => {
  const db = join(base, 'dense.db')
  const module_ = join(base, 'topics.mjs')
  await writeFile(module_, EMBEDDER)
  const before = embeddedSoFar()
  expect((await rag('index', join(base, 'docs'), '--db', db, '--embedder', module_)).code).toBe(0)
  const after = embeddedSoFar()
  expect(after).toBeGreaterThan(before)
  expect((await rag('index', join(base, 'docs'), '--db', db, '--embedder', module_)).out).toContain('2 files unchanged')
  expect(embeddedSoFar()).toBe(after)
  expect((await rag('index', join(base, 'docs'), '--db', db)).err).toContain('has vectors of topics; give --embedder')
  expect((await rag('search', 'vessel', '--db', db)).err).toBe('nothing found')
  expect((await rag('search', 'vessel', '--db', db, '--embedder', module_)).out).toMatch(/^page\.html/)
  expect((await rag('ask', 'Which vessel carries guns?', '--db', db, '--embedder', module_)).out).toContain('A frigate carries guns.') // biome-ignore format: a sentence
  const lengths = join(base, 'lengths.mjs')
  await writeFile(lengths, 'export default { score: async (_, passages) => passages.map(text => text.length) }')
  expect((await rag('search', 'whale frigate', '--db', db, '--reranker', lengths, '-k', '1')).out).toContain(
    'whales.md',
  )
  const words = join(base, 'words.db')
  await rag('index', join(base, 'docs'), '--db', words)
  expect(await rag('search', 'vessel', '--db', words, '--embedder', module_)).toMatchObject({
    code: 1,
    err: expect.stringContaining('this store has no vectors'),
  })
  await writeFile(join(base, 'flat.mjs'), 'export default { embed() {} }')
  expect((await rag('search', 'x', '--db', db, '--embedder', join(base, 'flat.mjs'))).err).toContain('its dimensions is undefined') // biome-ignore format: a sentence
})

test('eval with an embedder: by words, by vectors, by both, reranked', async () => {
  const lines = (rows: object[]) => rows.map(row => JSON.stringify(row)).join('\n')
  const about = ['blue whales eat krill', 'a frigate under full sail', 'whales of the deep sea', 'the boat of a fisher']
  const files = {
    'c.jsonl': lines(about.map((text, i) => ({ _id: `d${i}`, text }))),
    'q.jsonl': lines(['whale', 'vessel', 'krill', 'ship'].map((text, i) => ({ _id: `q${i}`, text }))),
    'j.tsv': 'query-id\tcorpus-id\tscore\nq0\td0\t1\nq0\td2\t1\nq1\td1\t1\nq2\td0\t1\nq3\td3\t1\n',
  }
  for (const [name, text] of Object.entries(files)) await writeFile(join(base, name), text)
  await writeFile(join(base, 'topics.mjs'), EMBEDDER)
  const paths = Object.keys(files).map(name => join(base, name))
  const page = join(base, 'systems.html')
  const { out, code } = await rag('eval', ...paths, '--embedder', join(base, 'topics.mjs'), '--report', page)
  expect(code).toBe(0)
  const means = Object.fromEntries(out.split('\n').map(line => line.split(/ +/)).map(([name, value]) => [name, Number(value)])) // biome-ignore format: a line
  expect(Object.keys(means)).toEqual(expect.arrayContaining(['lexical', 'dense', 'hybrid', 'reranked']))
  expect(means.dense).toBeGreaterThan(means.lexical)
  expect(means.hybrid).toBeGreaterThanOrEqual(means.lexical)
  expect(await readFile(page, 'utf8')).toContain('reranked')
})

test('eval with a judge: answers are written and held to what was found', async () => {
  const lines = (rows: object[]) => rows.map(row => JSON.stringify(row)).join('\n')
  const files = {
    'gc.jsonl': lines([
      { _id: 'a', title: 'Whales', text: 'The blue whale weighs 150 tonnes. It eats krill.' },
      { _id: 'b', title: '', text: 'A frigate carries guns.' },
    ]),
    'gq.jsonl': lines([
      { _id: '1', text: 'How much does the blue whale weigh?', answer: 'It weighs 150 tonnes. It sings.' },
      { _id: '2', text: 'What does a frigate carry?', answer: ['Guns.', 'Cannons.'] },
      { _id: '3', text: 'Who wrote about turtles?' },
    ]),
    'gj.tsv': 'query-id\tcorpus-id\tscore\n1\ta\t1\n2\tb\t1\n3\ta\t1\n',
  }
  for (const [name, text] of Object.entries(files)) await writeFile(join(base, name), text)
  const collection = Object.keys(files).map(name => join(base, name))
  const module_ = async (name: string, text: string) => {
    await writeFile(join(base, name), text)
    return join(base, name)
  }
  // Every word of a claim stands in the text.
  const judge = await module_(
    'judge.mjs',
    `const words = text => text.toLowerCase().match(/\\w+/g) ?? []
export default () => ({ score: async (claim, evidence) => Number(words(claim).every(word => word === 'it' || words(evidence).includes(word))) })`,
  )
  const page = join(base, 'answers.html')
  const quoted = await rag('eval', ...collection, '--judge', judge, '--report', page)
  expect(quoted.code).toBe(0)
  // Two quotations, both in the text; of three claims of good answers two are supported, by the first document found.
  expect(quoted.out).toMatch(
    /^answers +faithfulness +context precision +context recall\n2 of 3 +1\.0000 +1\.0000 +0\.7500$/m,
  )
  const html = await readFile(page, 'utf8')
  expect(html).toContain('no answer')
  expect(html).toContain('The blue whale weighs 150 tonnes.')
  const writer = await module_(
    'scribe.mjs',
    "export default { generate: async () => 'The blue whale weighs 150 tonnes [1]. The weighs tonnes whale of blue [1]. It is green [1].' }",
  )
  const written = await rag('eval', ...collection, '--judge', judge, '--generator', writer, '--questions', '1')
  // What the passages do not support is no part of an answer; what is left the judge supports by half.
  expect(written.out).toMatch(/^1 of 1 +0\.5000 +1\.0000 +0\.5000$/m)
  expect(await rag('eval', ...collection, '--generator', writer)).toMatchObject({ code: 1, err: expect.stringContaining('give --judge') }) // biome-ignore format: a line
  expect((await rag('eval', ...collection, '--judge', writer)).err).toContain('no method score')
  const wild = await module_('wild.mjs', 'export default { score: () => 7 }')
  expect(await rag('eval', ...collection, '--judge', wild)).toMatchObject({ code: 1, err: expect.stringContaining('the judge gave 7') }) // biome-ignore format: a line
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
