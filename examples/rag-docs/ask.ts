// Asks Cairn's own docs and source; answers quote them, with the file and line of each quotation: `npx -y pnpm@12 example rag-docs/ask "..."`.
import { join } from 'node:path'
import { corpus, repository } from './lib/corpus.ts'
import { askFiles, citationsOf, indexFiles } from './lib/docs.ts'

const questions = process.argv.slice(2)
if (questions.length === 0)
  questions.push(
    'Which searches leave out what cannot come among the best?',
    'Where do updates go in a plan?',
    'What is drawn for each prompt?',
  )

const files = await corpus()
const started = performance.now()
const store = await indexFiles(files)
const { chunks } = await store.statistics()
console.log(`${files.length} files, ${chunks} passages, ${((performance.now() - started) / 1000).toFixed(1)} s\n`)

for (const question of questions) {
  const answer = await askFiles(store, question)
  console.log(`${question}\n${answer.abstained ? `No answer: ${answer.abstained}.` : answer.text}`)
  for (const { number, path, line } of citationsOf(answer)) console.log(`[${number}] ${join(repository, path)}:${line}`)
  console.log()
}
