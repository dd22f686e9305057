// The five variants of BM25 against their published formulas, written out plainly (packages/rag/src/testing/plain-bm25.ts) over
// lists of terms: every document of a collection for every query, by several k1 and b.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { bm25Variants, createAnalyzer, LexicalIndex, readDocuments, readQueries } from '@cairn/rag'
import { plainBm25 } from '../../packages/rag/src/testing/plain-bm25.ts'
import type { CaseResult, SuiteOptions } from '../suite.ts'

export const description = 'the five variants of BM25 by their published formulas, on collections in BEIR or TREC form'
export const data = 'retrieval'

const settings = [
  { k1: 1.2, b: 0.75 },
  { k1: 0.9, b: 0.4 },
  { k1: 2, b: 1 },
  { k1: 1.5, b: 0 },
]
const deltas = { lucene: 0, robertson: 0, atire: 0, bm25l: 0.5, 'bm25+': 1 }
/** Queries of each collection, evenly spread: the plain formula counts every term anew. */
const sample = 24
const tolerance = 1e-6

export async function* run({ path, only }: SuiteOptions): AsyncGenerator<CaseResult> {
  const folders = findFile(path, 'corpus')
    ? [path]
    : readdirSync(path)
        .sort()
        .map(name => join(path, name))
  const names = folders
    .filter(folder => findFile(folder, 'corpus'))
    .map(folder => folder.split(/[\\/]/).at(-1) as string)
  if (only && !names.includes(only)) throw new Error(`bm25 has no group '${only}'; there are ${names.join(', ')}.`)
  const analyzer = await createAnalyzer()
  for (const folder of folders) {
    const name = folder.split(/[\\/]/).at(-1) as string
    if (!names.includes(name) || (only && name !== only)) continue
    const documents = readDocuments(read(findFile(folder, 'corpus') as string))
    const all = readQueries(read(findFile(folder, 'queries') as string))
    const step = Math.max(1, Math.floor(all.length / sample))
    const queries = all.filter((_, i) => i % step === 0).slice(0, sample)
    const index = new LexicalIndex({ analyzer })
    for (const { id, title, text } of documents) index.add({ id, text: `${title} ${text}` })
    const terms = documents.map(({ title, text }) => analyzer.terms(`${title} ${text}`))
    const numbers = new Map(documents.map(({ id }, i) => [id, i]))
    for (const variant of bm25Variants) {
      for (const setting of settings) {
        const title = `${name}, ${variant}, k1 ${setting.k1}, b ${setting.b}`
        let worst = { difference: 0, where: '' }
        let compared = 0
        for (const query of queries) {
          const expected = plainBm25(terms, analyzer.terms(query.text), variant, { ...setting, delta: deltas[variant] })
          const wanted = new Set(analyzer.terms(query.text))
          const hits = index.search(query.text, { k: documents.length, bm25: { variant, ...setting } })
          const matching = terms.filter(document => document.some(term => wanted.has(term))).length
          if (hits.length !== matching)
            worst = {
              difference: Number.POSITIVE_INFINITY,
              where: `${query.id}: ${hits.length} documents, not ${matching}`,
            }
          for (const { id, score } of hits) {
            const difference = Math.abs(score - expected[numbers.get(id) as number])
            compared++
            if (!(difference <= worst.difference)) worst = { difference, where: `query ${query.id}, document ${id}` }
          }
        }
        yield worst.difference <= tolerance && compared > 0
          ? { name: title, status: 'passed' }
          : { name: title, status: 'failed', error: `${worst.difference} at ${worst.where} of ${compared} scores` }
      }
    }
  }
}

function findFile(folder: string, start: string): string | undefined {
  if (!existsSync(folder)) return undefined
  try {
    const file = readdirSync(folder).find(name => name.startsWith(start))
    return file && join(folder, file)
  } catch {
    return undefined // A file beside the folders.
  }
}

function read(file: string): string {
  const bytes = readFileSync(file)
  return (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8')
}
