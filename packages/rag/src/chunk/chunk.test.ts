import { describe, expect, test } from 'vitest'
import { RagArgumentError } from '../errors.ts'
import { fileOf, ingest } from '../ingest/index.ts'
import { openMemoryStore } from '../stores/memory.ts'
import { randomFrom } from '../testing/random.ts'
import type { Chunk, Chunker, ChunkSource } from './chunk.ts'
import {
  approximateTokens,
  codeChunker,
  documentChunker,
  documentInput,
  fixedChunker,
  parentChildChunker,
  recursiveChunker,
  semanticChunker,
  sentenceWindowChunker,
  structureChunker,
} from './index.ts'
import { markdownBlocks } from './markdown.ts'

/** Of each first letter how many words begin with it. */
const letters = {
  dimensions: 26,
  async embed(texts: readonly string[]) {
    const out = new Float32Array(texts.length * 26)
    texts.forEach((text, i) => {
      for (const [first] of text.toLowerCase().matchAll(/\b[a-z]/g)) out[i * 26 + first.charCodeAt(0) - 97]++
    })
    return out
  },
}

const chunkers = (size: number): Record<string, Chunker> => ({
  fixed: fixedChunker({ size }),
  overlapping: fixedChunker({ size, overlap: size / 3 }),
  recursive: recursiveChunker({ size }),
  sentences: sentenceWindowChunker({ size }),
  structure: structureChunker({ size }),
  code: codeChunker({ size }),
  semantic: semanticChunker({ size, embedder: letters }),
  children: parentChildChunker({ parent: recursiveChunker({ size: size * 4 }), child: fixedChunker({ size }) }),
  byFormat: documentChunker({ size }),
})

const pieces = [
  'word',
  'Ünïcödé',
  '\n',
  '\n\n',
  ' ',
  '. ',
  '# Head',
  '\n## Sub\n',
  '```\n',
  '{\n',
  '}\n',
  '  ',
  '\t',
  '"',
  "it's",
  '漢字文章',
  '🐳🐳',
  '\ud800',
  '// note\n',
  '/*',
  '*/',
  '`',
  'function f() ',
  'a'.repeat(90),
  '\r\n',
  '(',
  ')',
  'Mr. X said',
  '?',
  '\u00a0',
]

function randomText(random: () => number): string {
  return Array.from({ length: Math.floor(random() * 120) }, () => pieces[Math.floor(random() * pieces.length)]).join(
    random() < 0.5 ? '' : ' ',
  )
}

function expectSound(text: string, chunks: readonly Chunk[], size: number, why: string): void {
  const covered = new Uint8Array(text.length)
  let last = -1
  for (const chunk of chunks) {
    const [start, end] = chunk.span
    expect(chunk.text, why).toBe(text.slice(start, end))
    expect(start, why).toBeGreaterThanOrEqual(last)
    expect(chunk.text.trim(), why).not.toBe('')
    expect(approximateTokens(chunk.text), why).toBeLessThanOrEqual(size)
    // No pair of surrogates is divided.
    for (const at of [start, end])
      if (at > 0 && at < text.length)
        expect(/[\ud800-\udbff][\udc00-\udfff]/.test(text.slice(at - 1, at + 1)), why).toBe(false)
    covered.fill(1, start, end)
    last = start
  }
  for (let i = 0; i < text.length; i++) if (!/\s/.test(text[i])) expect(covered[i], `${why}, character ${i}`).toBe(1)
}

test('every chunk of random texts is a stretch of its text, within its size, and none is missed', async () => {
  const seed = 42
  const random = randomFrom(seed)
  const formats = ['text', 'markdown', 'code', 'html'] as const
  for (let round = 0; round < 60; round++) {
    const text = randomText(random)
    const format = formats[round % 4]
    const language = ['typescript', 'python', 'toml'][round % 3]
    const half = text.length >> 1
    const document: ChunkSource = {
      text,
      format,
      language,
      places: [
        { start: 0, end: half, headings: ['A'] },
        { start: half, end: text.length, headings: ['A', 'B'] },
      ].filter(
        // A place does not divide a character.
        () => !/[\ud800-\udbff]/.test(text[half - 1] ?? ''),
      ),
    }
    const size = 2 + Math.floor(random() * 30)
    for (const [name, chunker] of Object.entries(chunkers(size)))
      expectSound(text, await chunker(document), size, `seed ${seed}, round ${round}, ${name}`)
  }
})

describe('chunkers', () => {
  test('fixed: whole words, overlap, any counter', () => {
    const text = 'one two three four five six seven'
    const count = (part: string) => part.split(/\s+/).length
    const cut = (chunker: Chunker) => (chunker({ text }) as Chunk[]).map(chunk => chunk.text)
    expect(cut(fixedChunker({ size: 3, count }))).toEqual(['one two three', 'four five six', 'seven'])
    expect(cut(fixedChunker({ size: 3, overlap: 1, count }))).toEqual([
      'one two three',
      'three four five',
      'five six seven',
    ])
    expect(() => fixedChunker({ size: 0 })).toThrow(RagArgumentError)
    expect(() => fixedChunker({ size: 3, overlap: 3 })).toThrow(RagArgumentError)
  })

  test('a word without end takes no quadratic time', () => {
    const text = 'x'.repeat(1 << 18)
    expect((recursiveChunker({ size: 256 })({ text }) as Chunk[]).length).toBe(256)
  })

  test('recursive: paragraphs, then sentences', () => {
    const text = 'A first paragraph.\n\nA second one. It has two sentences, and the last is longer.\n\nShort.'
    expect((recursiveChunker({ size: 12 })({ text }) as Chunk[]).map(chunk => chunk.text)).toEqual([
      'A first paragraph.',
      'A second one.',
      'It has two sentences, and the last is longer.',
      'Short.',
    ])
  })

  test('Markdown: sections, headings with their text, code whole', () => {
    const text = '# Guide\n\n## Install\nRun it.\n\n```sh\n# not a heading\nnpm i\n```\n\n## Use\nCall it.\n'
    const chunks = structureChunker({ size: 100 })({ text, format: 'markdown' }) as Chunk[]
    expect(chunks.map(chunk => [chunk.text, chunk.metadata?.headings])).toEqual([
      ['# Guide\n\n## Install\nRun it.\n\n```sh\n# not a heading\nnpm i\n```', ['Guide', 'Install']],
      ['## Use\nCall it.', ['Guide', 'Use']],
    ])
    expect(markdownBlocks('T\n=\n\na\n- b\n\n~~~\nx').map(({ kind, title }) => [kind, title])).toEqual([
      ['heading', 'T'],
      ['text', ''],
      ['code', ''],
    ])
  })

  test('code: declarations with their comments; long ones by their parts', () => {
    const text = `import x from 'y'\n\n/** Adds. */\nexport function add(a: number) {\n  return a + '}'.length\n}\n\n// Big.\nclass Big {\n  one() {\n    return 1 // {\n  }\n\n  two() {\n    return \`$ 2{\`\n  }\n}\n`
    const cut = (size: number) =>
      (codeChunker({ size })({ text, language: 'typescript' }) as Chunk[]).map(chunk => chunk.text)
    expect(cut(27)).toEqual([
      "import x from 'y'\n\n/** Adds. */\nexport function add(a: number) {\n  return a + '}'.length\n}",
      '// Big.\nclass Big {\n  one() {\n    return 1 // {\n  }\n\n  two() {\n    return `$ 2{`\n  }\n}',
    ])
    expect(cut(15)).toEqual([
      "import x from 'y'",
      expect.stringContaining('/** Adds. */'),
      expect.stringContaining('}'),
      '// Big.\nclass Big {\n  one() {\n    return 1 // {\n  }',
      'two() {\n    return `$ 2{`\n  }\n}',
    ])
    const python =
      'import os\n\n@cached\ndef f(a,\nb):\n    """\nnot code\n"""\n    return a\n\nclass C:\n    def g(self):\n        pass\n'
    expect(
      (codeChunker({ size: 15 })({ text: python, language: 'python' }) as Chunk[]).map(chunk => chunk.text),
    ).toEqual([
      'import os',
      '@cached\ndef f(a,\nb):\n    """\nnot code\n"""\n    return a',
      'class C:\n    def g(self):\n        pass',
    ])
  })

  test('semantic: cuts where the sentences turn', async () => {
    const text = 'Ants are all. All ants amble. Ants also act. Zebras zoom zonally. Zany zebras zip. Zebras zoom.'
    const chunks = await semanticChunker({ size: 100, embedder: letters, window: 0 })({ text })
    expect(chunks.map(chunk => chunk.text)).toEqual([
      'Ants are all. All ants amble. Ants also act.',
      'Zebras zoom zonally. Zany zebras zip. Zebras zoom.',
    ])
    await expect(async () =>
      semanticChunker({ embedder: { dimensions: 2, embed: async () => new Float32Array(3) } })({ text }),
    ).rejects.toThrow(RagArgumentError)
  })

  test('windows and parents are the context of what is found', async () => {
    const text = 'One is here. Two is here. Three is here. Four is here.\n\nFive is here.'
    const windows = await sentenceWindowChunker({ window: 1 })({ text })
    const context = ({ metadata }: Chunk) =>
      text.slice(metadata!.contextStart as number, metadata!.contextEnd as number)
    expect(context(windows[1])).toBe('One is here. Two is here. Three is here.')
    const children = await parentChildChunker({
      parent: recursiveChunker({ size: 15 }),
      child: fixedChunker({ size: 4 }),
    })({ text })
    expect(new Set(children.map(context))).toEqual(
      new Set(['One is here. Two is here. Three is here. Four is here.', 'Five is here.']),
    )
    expect(children.length).toBeGreaterThan(3)
  })
})

test('a chunk that is found says where in its file it stands', async () => {
  const markdown = '# Ships\n\nA frigate is a ship.\n\n## Sails\n\nA jib is a sail.\n'
  const csv = 'name,kind\nfrigate,ship\njib,"a\nsail"\n'
  const store = await openMemoryStore()
  const chunker = documentChunker({ size: 10 })
  for await (const document of ingest([fileOf('s.md', markdown), fileOf('t.csv', csv)]))
    await store.put([documentInput(document, await chunker(document), { principals: ['crew'] })])
  const [hit] = await store.search({ text: 'jib sail', filter: { field: 'format', is: 'markdown' }, access: ['crew'] })
  expect(hit.metadata).toMatchObject({ headings: ['Ships', 'Sails'], line: 5, format: 'markdown' })
  expect(markdown.slice(hit.metadata.fileStart as number, hit.metadata.fileEnd as number)).toBe(hit.text)
  expect(await store.search({ text: 'jib' })).toEqual([])
  const [row] = await store.search({ text: 'jib', filter: { field: 'format', is: 'record' }, access: ['crew'] })
  expect(row).toMatchObject({ id: 't.csv#3', metadata: { line: 3 } })
})
