// What a chunker does to finding by words: XQuAD's paragraphs put together to the articles that they are from, cut anew, and a question's hit
// is a chunk that lies half in the paragraph that answers it (or has half of it).
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import {
  type Chunker,
  createAnalyzer,
  fixedChunker,
  LexicalIndex,
  parentChildChunker,
  readDocuments,
  readJudgements,
  readQueries,
  recursiveChunker,
  sentenceWindowChunker,
} from '@cairn/rag'
import { findSharedData } from '../../conformance/shared-data.ts'
import type { Measurement } from '../bench.ts'

interface Article {
  text: string
  readonly paragraphs: Map<string, readonly [start: number, end: number]>
}

const chunkers: readonly [name: string, chunker: Chunker][] = [64, 128, 256].flatMap((size): [string, Chunker][] => [
  [`recursive, ${size} tokens`, recursiveChunker({ size })],
  [`fixed, ${size} tokens`, fixedChunker({ size })],
  [`fixed, ${size} tokens, a quarter again in the next`, fixedChunker({ size, overlap: size / 4 })],
])
const others: readonly [name: string, chunker: Chunker][] = [
  ['sentence window', sentenceWindowChunker()],
  [
    'parent-child, 256 and 64 tokens',
    parentChildChunker({ parent: recursiveChunker({ size: 256 }), child: recursiveChunker({ size: 64 }) }),
  ],
]

export async function* chunkersBench(): AsyncGenerator<Measurement> {
  const folder = findSharedData('retrieval/xquad-en')
  if (!folder) throw new Error('bench retrieval chunkers: shared/data/retrieval/xquad-en is not here.')
  const read = (name: string) => gunzipSync(readFileSync(`${folder}/${name}.jsonl.gz`)).toString()
  const articles = new Map<string, Article>()
  for (const { id, title, text } of readDocuments(read('corpus'))) {
    const article = articles.get(title) ?? { text: '', paragraphs: new Map() }
    article.paragraphs.set(id, [article.text.length, article.text.length + text.length])
    article.text += `${text}\n\n`
    articles.set(title, article)
  }
  const queries = readQueries(read('queries'))
  const qrels = readJudgements(read('qrels'))
  const analyzer = await createAnalyzer()
  for (const [name, chunker] of [...chunkers, ...others]) {
    const index = new LexicalIndex({ analyzer })
    const chunks: { article: Article; span: readonly [number, number] }[] = []
    for (const article of articles.values())
      for (const { text, span } of await chunker({ format: 'text', text: article.text })) {
        index.add({ id: String(chunks.length), text })
        chunks.push({ article, span })
      }
    const found = { 1: 0, 5: 0 }
    for (const { id, text } of queries) {
      const answers = [...qrels.get(id)!.keys()]
      const hits = index.search(text, { k: 5 }).map(hit => {
        const { article, span } = chunks[Number(hit.id)]!
        return answers.some(answer => {
          const paragraph = article.paragraphs.get(answer)
          if (!paragraph) return false
          const shared = Math.min(span[1], paragraph[1]) - Math.max(span[0], paragraph[0])
          return shared >= 0.5 * Math.min(span[1] - span[0], paragraph[1] - paragraph[0])
        })
      })
      if (hits[0]) found[1]++
      if (hits.some(Boolean)) found[5]++
    }
    yield { name: `${name}: hit@1`, value: found[1] / queries.length, unit: `of ${chunks.length} chunks` }
    yield { name: `${name}: hit@5`, value: found[5] / queries.length, unit: `of ${chunks.length} chunks` }
  }
}
