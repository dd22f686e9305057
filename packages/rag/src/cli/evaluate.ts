// How well a test collection is searched, and a page that shows where it is not.
import { evaluate } from '@cairn/metrics'
import { type AnalyzerOptions, createAnalyzer } from '../analysis/analyzer.ts'
import { RagFormatError } from '../errors.ts'
import { alignJudgements, readDocuments, readJudgements, readQueries } from '../evaluation/collection.ts'
import { LexicalIndex } from '../lexical/lexical-index.ts'

const measures = ['ndcg@10', 'recall@100', 'mrr', 'map'] as const
type Measure = (typeof measures)[number]
const DEPTH = 1000

export interface CollectionResult {
  readonly documents: number
  readonly milliseconds: number
  readonly mean: Record<Measure, number>
  readonly queries: readonly {
    readonly id: string
    readonly text: string
    readonly values: Record<Measure, number>
    /** The first ten, each with its grade. */
    readonly found: readonly { readonly id: string; readonly grade: number }[]
    /** Relevant documents that were not found at all. */
    readonly missed: readonly string[]
  }[]
}

/** @throws RagFormatError for files that cannot be read as a collection */
export async function evaluateCollection(
  corpus: string,
  topics: string,
  judgements: string,
  language: string,
): Promise<CollectionResult> {
  const documents = readDocuments(corpus)
  const all = readQueries(topics)
  const { qrels } = alignJudgements(all, readJudgements(judgements))
  const judged = all.filter(({ id }) => qrels.has(id))
  if (judged.length === 0)
    throw new RagFormatError('judgements', 'the ids', 'no query has judgements: the two files do not meet')
  const analyzer = await createAnalyzer({ language: language as AnalyzerOptions['language'] })
  const index = new LexicalIndex({ analyzer, fields: { title: {}, text: {} } })
  for (const { id, title, text } of documents) index.add({ id, text: { title, text } })
  index.search('warm up')
  const start = performance.now()
  const run = new Map(judged.map(({ id, text }) => [id, index.search(text, { k: DEPTH })]))
  const milliseconds = (performance.now() - start) / judged.length
  const { mean, perQuery, queries } = evaluate(run, qrels, measures)
  const texts = new Map(judged.map(({ id, text }) => [id, text]))
  return {
    documents: documents.length,
    milliseconds,
    mean,
    queries: queries.map((id, i) => {
      const grades = qrels.get(id)!
      const found = run.get(id) ?? []
      const there = new Set(found.map(one => one.id))
      return {
        id,
        text: texts.get(id) ?? '',
        values: Object.fromEntries(measures.map(name => [name, perQuery[name][i]])) as Record<Measure, number>,
        found: found.slice(0, 10).map(one => ({ id: one.id, grade: grades.get(one.id) ?? 0 })),
        missed: [...grades].flatMap(([document, grade]) => (grade > 0 && !there.has(document) ? [document] : [])),
      }
    }),
  }
}

const html = (text: string): string => text.replace(/[&<>"]/g, char => `&#${char.charCodeAt(0)};`)

const STYLE = `body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.2rem .6rem;border-bottom:1px solid #ddd;vertical-align:top}
td.n{text-align:right;font-variant-numeric:tabular-nums}.bar{display:flex;align-items:end;gap:2px;height:6rem}
.bar i{flex:1;background:#4a7db5}b.g{color:#1a7f37}small{color:#666}`

/** One page, without scripts: the means, how queries are distributed, every query with the worst first. */
export function reportPage({ documents, milliseconds, mean, queries }: CollectionResult): string {
  const first = measures[0]
  const bins = new Array<number>(10).fill(0)
  for (const { values } of queries) bins[Math.min(9, Math.floor(values[first] * 10))]++
  const tallest = bins.reduce((a, b) => Math.max(a, b), 1)
  const bars = bins
    .map(
      (count, i) =>
        `<i style="height:${(100 * count) / tallest}%" title="${first} ${i / 10} to ${(i + 1) / 10}: ${count} queries"></i>`,
    )
    .join('')
  const head = measures.map(name => `<th>${name}</th>`).join('')
  const rows = [...queries]
    .sort((a, b) => a.values[first] - b.values[first])
    .map(({ id, text, values, found, missed }) => {
      const cells = measures.map(name => `<td class="n">${values[name].toFixed(3)}</td>`).join('')
      const list = found.map(one => (one.grade > 0 ? `<b class="g">${html(one.id)}</b>` : html(one.id))).join(' ')
      const lost = missed.length ? `<br><small>not found: ${html(missed.slice(0, 20).join(' '))}</small>` : ''
      return `<tr><td>${html(id)}</td>${cells}<td>${html(text)}<br><small>${list}</small>${lost}</td></tr>`
    })
    .join('\n')
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Retrieval report</title><style>${STYLE}</style>
<h1>Retrieval report</h1>
<p>${documents} documents, ${queries.length} queries, ${milliseconds.toFixed(2)} ms a query.</p>
<table><tr>${head}</tr><tr>${measures.map(name => `<td>${mean[name].toFixed(4)}</td>`).join('')}</tr></table>
<h2>Queries by ${first}</h2><div class="bar" role="img" aria-label="${bins.join(', ')} queries from 0 to 1">${bars}</div>
<h2>Every query, the worst first</h2>
<table><tr><th>query</th>${head}<th>text, and what was found first (relevant in bold)</th></tr>
${rows}
</table></html>
`
}
