import { expect, test } from 'vitest'
import { createAnalyzer } from '../analysis/analyzer.ts'
import type { Hit } from '../stores/store.ts'
import { randomFrom } from '../testing/random.ts'
import {
  communities,
  communityReports,
  globalSearch,
  graphContext,
  KnowledgeGraph,
  modularity,
  namedEntities,
  proximity,
  ruleExtractor,
} from './index.ts'

const texts = [
  'Ada Lovelace worked for Charles Babbage. Charles Babbage invented the Difference Engine in London.',
  'The Difference Engine was a mechanical calculator. London is the capital of England.',
  'Herman Melville wrote Moby-Dick. Moby-Dick was published by Harper Brothers. Harper Brothers is based in New York.',
  'However, `LexicalIndex` uses `Analyzer`. The weather was fine.',
]
const hits: Hit[] = texts.map((text, i) => ({
  id: `d${i}`,
  version: 0,
  chunk: 0,
  score: 1 - i / 10,
  text,
  span: [50, 50 + text.length],
  metadata: {},
}))

async function graphOf(): Promise<KnowledgeGraph> {
  const graph = new KnowledgeGraph()
  const extract = ruleExtractor()
  for (const hit of hits) graph.add(hit, await extract(hit.text))
  return graph
}

test('entities and relations by rules, each with its place', async () => {
  const graph = await graphOf()
  const facts = [...graph.facts()].map(({ subject, relation, object }) => `${subject} | ${relation} | ${object}`)
  for (const fact of [
    'Ada Lovelace | works for | Charles Babbage',
    'Charles Babbage | invented | Difference Engine',
    'Difference Engine | is a | mechanical calculator',
    'London | capital of | England',
    'Herman Melville | wrote | Moby-Dick',
    'Harper Brothers | wrote | Moby-Dick',
    'Harper Brothers | located in | New York',
    'LexicalIndex | depends on | Analyzer',
  ])
    expect(facts).toContain(fact)
  expect(facts).toHaveLength(8)
  expect(graph.entity('However')).toBeUndefined()
  expect(graph.entity('weather')).toBeUndefined()
  const london = graph.entity('LONDON')!
  expect(london).toMatchObject({ name: 'London', type: 'place' })
  for (const { passage, span } of london.mentions) {
    const { text, span: own } = hits.find(({ id }) => id === passage.id)!
    expect(text.slice(span[0] - own[0], span[1] - own[0])).toBe('London')
  }
  for (const { said } of graph.facts())
    for (const { passage, span } of said) expect(span[1]).toBeLessThanOrEqual(passage.span[1])
})

test('local search: what has to do with the entities of a question comes up, facts only of passages that were given', async () => {
  const graph = await graphOf()
  const analyzer = await createAnalyzer()
  const question = 'What did Ada Lovelace have to do with England?'
  expect(namedEntities(graph, question, analyzer).sort()).toEqual(['ada lovelace', 'england'])
  const near = proximity(graph, ['ada lovelace'])
  expect([...near.values()].reduce((a, b) => a + b, 0)).toBeCloseTo(1, 10)
  expect(near.get('charles babbage')!).toBeGreaterThan(near.get('difference engine')!)
  expect(near.has('moby-dick')).toBe(false)
  const worst = [hits[3], hits[2], hits[1], hits[0]].map((hit, i) => ({ ...hit, score: 1 - i / 10 }))
  const { hits: ordered, facts } = graphContext(graph, question, worst, analyzer, { share: 0.9 })
  expect(
    ordered
      .slice(0, 2)
      .map(({ id }) => id)
      .sort(),
  ).toEqual(['d0', 'd1'])
  expect(facts.map(({ subject, object }) => [subject, object])).toEqual([
    ['Ada Lovelace', 'Charles Babbage'],
    ['London', 'England'],
  ])
  // A reader who does not see the first passage learns nothing that only it says.
  const limited = graphContext(graph, question, [hits[1], hits[2]], analyzer)
  expect(limited.facts.map(({ subject }) => subject)).toEqual(['London'])
  expect(limited.hits.map(({ id }) => id).sort()).toEqual(['d1', 'd2'])
  expect(graphContext(graph, 'nothing known', hits, analyzer)).toEqual({ hits, facts: [] })
})

test('global search: groups and what they are about', async () => {
  const graph = await graphOf()
  const reports = await communityReports(graph)
  expect(reports.map(({ entities }) => entities.length).every((n, i, all) => i === 0 || n <= all[i - 1])).toBe(true)
  const [first] = globalSearch(reports, 'Which publishers are there in New York?', await createAnalyzer())
  expect(first.entities).toContain('Harper Brothers')
  expect(first.entities).not.toContain('London')
  const written = await communityReports(graph, { write: async facts => `Report: ${facts}` })
  expect(written[0].text).toMatch(/^Report: /)
})

test('communities: planted groups are found, each is connected, and no random grouping is better', () => {
  const seed = 13
  const random = randomFrom(seed)
  const edges = Array.from({ length: 60 }, () => new Map<number, number>())
  for (let a = 0; a < 60; a++)
    for (let b = 0; b < a; b++)
      if (random() < (Math.floor(a / 15) === Math.floor(b / 15) ? 0.5 : 0.02)) {
        edges[a].set(b, 1)
        edges[b].set(a, 1)
      }
  const found = communities(edges)
  const planted = edges.map((_, i) => Math.floor(i / 15))
  expect(modularity(edges, found), `seed ${seed}`).toBeGreaterThanOrEqual(modularity(edges, planted) - 1e-9)
  for (let round = 0; round < 50; round++)
    expect(
      modularity(
        edges,
        edges.map(() => Math.floor(random() * 4)),
      ),
    ).toBeLessThan(modularity(edges, found))
  const chain = [[1], [0, 2], [1, 3], [2], [5], [4], []].map(near => new Map(near.map(other => [other, 1] as const)))
  const groups = communities(chain)
  expect(groups[4]).toBe(groups[5])
  expect(new Set([groups[0], groups[4], groups[6]]).size).toBe(3)
})
