// How well a test collection is searched, and a page that shows where it is not.
import { evaluate, randomizationTest, type ScoredDocument } from '@cairn/metrics'
import { type AnalyzerOptions, createAnalyzer } from '../analysis/analyzer.ts'
import { FlatIndex } from '../dense/flat.ts'
import type { Embedder } from '../embedding/embedder.ts'
import { RagFormatError } from '../errors.ts'
import { alignJudgements, readDocuments, readJudgements, readQueries } from '../evaluation/collection.ts'
import { crossFuse, fuseByAgreement } from '../fusion/weights.ts'
import { LexicalIndex } from '../lexical/lexical-index.ts'
import { LateInteractionReranker, SentenceTokenEncoder } from '../rerank/late-interaction.ts'
import { type Reranker, rerank } from '../rerank/reranker.ts'
import type { Hit } from '../stores/store.ts'
import { type GroundingOptions, type GroundingResult, groundingMeasures, judgeAnswers } from './grounding.ts'

const measures = ['ndcg@10', 'recall@100', 'mrr', 'map'] as const
type Measure = (typeof measures)[number]
const DEPTH = 1000

/** How one way of searching did. */
export interface SystemResult {
  readonly name: string
  readonly milliseconds: number
  readonly mean: Record<Measure, number>
  /** Against search by words: the p of a paired randomization test of the first measure. */
  readonly p?: number
}

export interface CollectionResult {
  readonly documents: number
  /** By words; with an embedder also by vectors and by both; with a second look at the best. */
  readonly systems: readonly SystemResult[]
  /** Of the last of the systems. */
  readonly queries: readonly {
    readonly id: string
    readonly text: string
    readonly values: Record<Measure, number>
    /** The first ten, each with its grade. */
    readonly found: readonly { readonly id: string; readonly grade: number }[]
    /** Relevant documents that were not found at all. */
    readonly missed: readonly string[]
  }[]
  /** With a judge: answers from what the last of the systems found. */
  readonly grounding?: GroundingResult
}

export interface CollectionOptions {
  readonly language: string
  readonly embedder?: Embedder
  /** Default with an embedder: late interaction of the question with each sentence. */
  readonly reranker?: Reranker
  /** Queries are answered, and a judge reads the answers. */
  readonly grounding?: GroundingOptions
}

/** Queries from which halves teach how much a ranking should count; below, rankings count as they agree, which is what `search` does. */
const ENOUGH = 50
/** Documents that are looked at again. */
const AGAIN = 50

interface System {
  readonly name: string
  readonly run: Map<string, ScoredDocument[]>
  readonly milliseconds: number
}

/** @throws RagFormatError for files that cannot be read as a collection */
export async function evaluateCollection(
  corpus: string,
  topics: string,
  judgements: string,
  { language, embedder, reranker, grounding }: CollectionOptions,
): Promise<CollectionResult> {
  const documents = readDocuments(corpus)
  const all = readQueries(topics)
  const { qrels } = alignJudgements(all, readJudgements(judgements))
  const judged = all.filter(({ id }) => qrels.has(id))
  if (judged.length === 0)
    throw new RagFormatError('judgements', 'the ids', 'no query has judgements: the two files do not meet')
  const texts = new Map(documents.map(({ id, title, text }) => [id, `${title} ${text}`.trim()]))

  const timed = async (
    name: string,
    search: (query: { id: string; text: string }) => Promise<ScoredDocument[]>,
  ): Promise<System> => {
    const start = performance.now()
    const run = new Map<string, ScoredDocument[]>()
    for (const query of judged) run.set(query.id, await search(query))
    return { name, run, milliseconds: (performance.now() - start) / judged.length }
  }
  /** Shares of a mixture are learnt on half of the queries and used on the other half; few queries teach nothing. */
  const mixed = (name: string, systems: readonly System[]): System => {
    const rankings = new Map(judged.map(({ id }) => [id, systems.map(({ run }) => run.get(id)!)]))
    const milliseconds = systems.reduce((sum, system) => sum + system.milliseconds, 0)
    const few = (): Map<string, ScoredDocument[]> =>
      new Map([...rankings].map(([id, lists]) => [id, fuseByAgreement(lists, { k: DEPTH })]))
    return { name, run: judged.length < ENOUGH ? few() : crossFuse(rankings, qrels).fused, milliseconds }
  }

  const analyzer = await createAnalyzer({ language: language as AnalyzerOptions['language'] })
  const index = new LexicalIndex({ analyzer, fields: { title: {}, text: {} } })
  for (const { id, title, text } of documents) index.add({ id, text: { title, text } })
  index.search('warm up')
  const lexical = await timed('lexical', async ({ text }) => index.search(text, { k: DEPTH }))
  const systems = [lexical]
  let best = lexical
  if (embedder) {
    const flat = new FlatIndex({ dimensions: embedder.dimensions })
    const ids: string[] = []
    const vectors = await embedder.embed([...texts.values()], 'passage')
    documents.forEach(({ id }, i) => {
      const vector = vectors.subarray(i * embedder.dimensions, (i + 1) * embedder.dimensions)
      // Of a text of which nothing is known there is no direction.
      if (vector.some(value => value !== 0)) ids[flat.add(vector)] = id
    })
    const dense = await timed('dense', async ({ text }) => {
      const vector = await embedder.embed([text], 'query')
      if (ids.length === 0 || !vector.some(value => value !== 0)) return []
      return flat.search(vector, Math.min(DEPTH, ids.length)).map(({ id, score }) => ({ id: ids[id], score }))
    })
    best = mixed('hybrid', [lexical, dense])
    systems.push(dense, best)
  }
  const second = reranker ?? (embedder && new LateInteractionReranker(new SentenceTokenEncoder(embedder)))
  if (second) {
    const first = best
    const again = await timed('again', ({ id, text }) =>
      rerank(text, first.run.get(id)!, item => texts.get(item.id)!, second, { depth: AGAIN }),
    )
    best = mixed('reranked', [first, again])
    systems.push(best)
  }

  const contents = new Map(documents.map(document => [document.id, document]))
  const hitsOf = ({ id }: { id: string }, k: number): Hit[] =>
    best.run
      .get(id)!
      .slice(0, k)
      .map(({ id, score }) => {
        const { title, text } = contents.get(id)!
        const own = text || title
        return {
          id,
          version: 0,
          chunk: 0,
          score,
          text: own,
          span: [0, own.length],
          metadata: {},
          ...(title && { title }),
        }
      })
  const words = evaluate(lexical.run, qrels, measures)
  const { perQuery, queries } = evaluate(best.run, qrels, measures)
  const asked = new Map(judged.map(({ id, text }) => [id, text]))
  return {
    documents: documents.length,
    systems: systems.map(({ name, run, milliseconds }) => {
      const { mean, perQuery: values } = evaluate(run, qrels, measures)
      const [first] = measures
      return {
        name,
        milliseconds,
        mean,
        ...(run !== lexical.run && { p: randomizationTest(values[first], words.perQuery[first]).p }),
      }
    }),
    queries: queries.map((id, i) => {
      const grades = qrels.get(id)!
      const found = best.run.get(id) ?? []
      const there = new Set(found.map(one => one.id))
      return {
        id,
        text: asked.get(id) ?? '',
        values: Object.fromEntries(measures.map(name => [name, perQuery[name][i]])) as Record<Measure, number>,
        found: found.slice(0, 10).map(one => ({ id: one.id, grade: grades.get(one.id) ?? 0 })),
        missed: [...grades].flatMap(([document, grade]) => (grade > 0 && !there.has(document) ? [document] : [])),
      }
    }),
    ...(grounding && { grounding: await judgeAnswers(judged, hitsOf, analyzer, grounding) }),
  }
}

/** The systems as rows of a table: name, measures, milliseconds a query, p. */
export const systemRows = ({ systems }: CollectionResult): string[][] => [
  ['system', ...measures, 'ms a query', 'p'],
  ...systems.map(({ name, mean, milliseconds, p }) => [
    name,
    ...measures.map(measure => mean[measure].toFixed(4)),
    milliseconds.toFixed(2),
    p === undefined ? '' : p.toFixed(3),
  ]),
]

/** How answers did as rows of a table: how many there are, measures. */
export const groundingRows = ({ answers, mean }: GroundingResult): string[][] => [
  ['answers', ...groundingMeasures],
  [
    `${answers.filter(({ answer }) => answer !== '').length} of ${answers.length}`,
    ...groundingMeasures.map(name => mean[name]?.toFixed(4) ?? '-'),
  ],
]

const table = (rows: readonly string[][]): string =>
  `<table>${rows.map(cells => `<tr>${cells.map(cell => `<td>${cell}</td>`).join('')}</tr>`).join('\n')}</table>`

/** The answers, those that stand on the least first. */
function answersPart(grounding: GroundingResult): string {
  const worst = ({ values }: GroundingResult['answers'][number]): number =>
    groundingMeasures.reduce((least, name) => Math.min(least, values[name] ?? 1), 1)
  const rows = [...grounding.answers]
    .sort((a, b) => worst(a) - worst(b))
    .map(({ id, text, answer, values }) => {
      const cells = groundingMeasures.map(name => `<td class="n">${values[name]?.toFixed(3) ?? ''}</td>`).join('')
      return `<tr><td>${html(id)}</td>${cells}<td>${html(text)}<br><small>${html(answer) || 'no answer'}</small></td></tr>`
    })
  const head = groundingMeasures.map(name => `<th>${name}</th>`).join('')
  return `<h2>Answers, by the judge</h2>
${table(groundingRows(grounding))}
<h2>Every answer, the worst first</h2>
<table><tr><th>query</th>${head}<th>text, and what was answered</th></tr>
${rows.join('\n')}
</table>
`
}

const html = (text: string): string => text.replace(/[&<>"]/g, char => `&#${char.charCodeAt(0)};`)

const STYLE = `body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.2rem .6rem;border-bottom:1px solid #ddd;vertical-align:top}
td.n{text-align:right;font-variant-numeric:tabular-nums}.bar{display:flex;align-items:end;gap:2px;height:6rem}
.bar i{flex:1;background:#4a7db5}b.g{color:#1a7f37}small{color:#666}`

/** One page, without scripts: the means, how queries are distributed, every query with the worst first. */
export function reportPage(result: CollectionResult): string {
  const { documents, queries } = result
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
<p>${documents} documents, ${queries.length} queries; p of a paired randomization test of ${first} against search by words.</p>
${table(systemRows(result))}
<h2>Queries by ${first}, ${result.systems.at(-1)!.name}</h2><div class="bar" role="img" aria-label="${bins.join(', ')} queries from 0 to 1">${bars}</div>
<h2>Every query, the worst first</h2>
<table><tr><th>query</th>${head}<th>text, and what was found first (relevant in bold)</th></tr>
${rows}
</table>
${result.grounding ? answersPart(result.grounding) : ''}</html>
`
}
