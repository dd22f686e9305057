// Cairn's own docs are found, and what is cited stands where the citation says.
import { expect, test } from 'vitest'
import { corpus } from './lib/corpus.ts'
import { askFiles, citationsOf, indexFiles } from './lib/docs.ts'

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
