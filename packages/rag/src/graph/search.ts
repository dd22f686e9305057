// Questions to the graph. Local: from the entities of a question to passages that have to do with them (personalized PageRank, as in
// HippoRAG, Gutiérrez et al. 2024). Global: which groups of entities a question is about (GraphRAG, Edge et al. 2024). The graph knows
// nothing of access: it orders passages that a store has let the reader see, and adds none.
import type { Analyzer } from '../analysis/analyzer.ts'
import { weightedFusion } from '../fusion/fuse.ts'
import { LexicalIndex } from '../lexical/lexical-index.ts'
import type { Hit } from '../stores/store.ts'
import { communities } from './communities.ts'
import { type KnowledgeGraph, passageKey, type Triple } from './knowledge-graph.ts'

/** The keys of the entities that a question names: all words of the name are in it. */
export function namedEntities(graph: KnowledgeGraph, question: string, analyzer: Analyzer): string[] {
  const asked = new Set(analyzer.terms(question))
  return graph.keys().filter(key => {
    const terms = analyzer.terms(key)
    return terms.length > 0 && terms.every(term => asked.has(term))
  })
}

/** How near each entity is to some of them: where a walk is that returns to them half of the time. Sums to 1. */
export function proximity(
  graph: KnowledgeGraph,
  from: readonly string[],
  { back = 0.5, rounds = 20 } = {},
): Map<string, number> {
  const start = new Map(from.map(key => [key, 1 / from.length]))
  let now = new Map(start)
  for (let round = 0; round < rounds; round++) {
    const next = new Map<string, number>()
    const give = (key: string, amount: number) => next.set(key, (next.get(key) ?? 0) + amount)
    for (const [key, amount] of now) {
      const near = graph.neighbours(key)
      const total = [...near.values()].reduce((a, b) => a + b, 0)
      for (const [first, share] of start) give(first, amount * share * (total ? back : 1))
      if (total) for (const [other, weight] of near) give(other, (amount * (1 - back) * weight) / total)
    }
    now = next
  }
  return now
}

export interface GraphContext {
  /** The passages given, in a new order. */
  readonly hits: readonly Hit[]
  /** What the graph knows of the entities of the question, of what these passages say. */
  readonly facts: readonly Triple[]
}

/**
 * Local search: orders passages by what the graph says beside what the search said, and adds the facts that they state.
 * `options.share` is how much the graph's order counts, default 0.3
 */
export function graphContext(
  graph: KnowledgeGraph,
  question: string,
  hits: readonly Hit[],
  analyzer: Analyzer,
  { share = 0.3, most = 10 }: { readonly share?: number; readonly most?: number } = {},
): GraphContext {
  const named = namedEntities(graph, question, analyzer)
  if (named.length === 0) return { hits, facts: [] }
  const near = proximity(graph, named)
  const byKey = new Map(hits.map(hit => [passageKey(hit), hit]))
  const ranking = [...byKey].map(([id, hit]) => ({ id, score: hit.score }))
  const byGraph = [...byKey]
    .map(([id, hit]) => ({ id, score: [...graph.entitiesIn(hit)].reduce((sum, key) => sum + (near.get(key) ?? 0), 0) }))
    .sort((a, b) => b.score - a.score)
  const fused = weightedFusion([ranking, byGraph], { weights: [1 - share, share] })
  const facts = named
    .flatMap(key => [...graph.facts(key)])
    .map(fact => ({ ...fact, said: fact.said.filter(({ passage }) => byKey.has(passageKey(passage))) }))
    .filter(({ said }, i, all) => said.length > 0 && all.findIndex(other => sameFact(other, all[i])) === i)
  return { hits: fused.map(({ id, score }) => ({ ...byKey.get(id)!, score })), facts: facts.slice(0, most) }
}

const sameFact = (a: Triple, b: Triple): boolean =>
  a.subject === b.subject && a.relation === b.relation && a.object === b.object

/** What a group of entities is about. */
export interface CommunityReport {
  readonly id: string
  /** Those with the most relations first. */
  readonly entities: readonly string[]
  readonly facts: readonly Triple[]
  /** Names and facts as sentences, or what a writer made of them. */
  readonly text: string
}

/**
 * Reports on all groups of at least `smallest` entities, the largest first.
 * `options.write` turns the facts of a group into a text; default: the facts themselves
 */
export async function communityReports(
  graph: KnowledgeGraph,
  {
    smallest = 2,
    resolution = 1,
    write,
  }: {
    readonly smallest?: number
    readonly resolution?: number
    readonly write?: (facts: string) => Promise<string>
  } = {},
): Promise<CommunityReport[]> {
  const keys = graph.keys()
  const numbers = new Map(keys.map((key, i) => [key, i]))
  const edges = keys.map(
    key => new Map([...graph.neighbours(key)].map(([other, weight]) => [numbers.get(other)!, weight])),
  )
  const group = communities(edges, resolution)
  const members = new Map<number, string[]>()
  keys.forEach((key, i) => members.set(group[i], [...(members.get(group[i]) ?? []), key]))
  const groupOf = new Map(keys.map((key, i) => [graph.nameOf(key), group[i]]))
  const facts = new Map<number, Triple[]>()
  for (const fact of graph.facts()) {
    const own = groupOf.get(fact.subject)!
    if (own === groupOf.get(fact.object)) facts.set(own, [...(facts.get(own) ?? []), fact])
  }
  const weight = (key: string) => [...graph.neighbours(key).values()].reduce((a, b) => a + b, 0)
  const kept = [...members].filter(([, inside]) => inside.length >= smallest).sort((a, b) => b[1].length - a[1].length)
  return Promise.all(
    kept.map(async ([number, inside]): Promise<CommunityReport> => {
      const entities = inside.sort((a, b) => weight(b) - weight(a)).map(key => graph.nameOf(key))
      const own = (facts.get(number) ?? []).sort((a, b) => b.said.length - a.said.length)
      const sentences = own.map(({ subject, relation, object }) => `${subject} ${relation} ${object}.`).join(' ')
      const plain = `${entities.join(', ')}. ${sentences}`
      return { id: String(number), entities, facts: own, text: write ? await write(plain) : plain }
    }),
  )
}

/** Global search: the reports that have most to do with a question, best first. */
export function globalSearch(
  reports: readonly CommunityReport[],
  question: string,
  analyzer: Analyzer,
  k = 5,
): CommunityReport[] {
  const index = new LexicalIndex({ analyzer })
  const byId = new Map(reports.map(report => [report.id, report]))
  for (const { id, text } of reports) index.add({ id, text })
  return index.search(question, { k }).map(({ id }) => byId.get(id)!)
}
