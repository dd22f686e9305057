import { describe, expect, test } from 'vitest'
import { evaluate } from './evaluate.ts'
import {
  averagePrecision,
  bpref,
  dcg,
  ndcg,
  precision,
  recall,
  reciprocalRank,
  rPrecision,
  success,
} from './measures.ts'
import { trecOrder } from './order.ts'
import { readQrels, readRun, TrecFormatError, writeQrels, writeRun } from './trec-files.ts'

describe('measures', () => {
  // Manning, Raghavan and Schütze, Introduction to Information Retrieval, exercise 8.8: R N R N N N N N R R, and
  // N R N N R R R N N N, four relevant documents each.
  const judgedAs = (pattern: string) => {
    const ranked = [...pattern].map((_, i) => `d${i}`)
    return { ranked, judged: new Map([...pattern].map((c, i) => [`d${i}`, c === 'R' ? 1 : 0] as const)) }
  }
  test('average precision of the textbook', () => {
    const one = judgedAs('RNRNNNNNRR')
    const two = judgedAs('NRNNRRRNNN')
    expect(averagePrecision(one.ranked, one.judged)).toBeCloseTo((1 + 2 / 3 + 3 / 9 + 4 / 10) / 4, 14) // 0.6
    expect(averagePrecision(two.ranked, two.judged)).toBeCloseTo((1 / 2 + 2 / 5 + 3 / 6 + 4 / 7) / 4, 14) // 0.493
    expect(rPrecision(one.ranked, one.judged)).toBe(0.5)
    expect(rPrecision(two.ranked, two.judged)).toBe(0.25)
    expect(reciprocalRank(two.ranked, two.judged)).toBe(0.5)
    expect(recall(one.ranked, one.judged, 3)).toBe(0.5)
    expect(precision(one.ranked, one.judged, 5)).toBe(0.4)
    expect(precision(one.ranked.slice(0, 1), one.judged, 5)).toBe(0.2)
    expect(success(two.ranked, two.judged, 1)).toBe(0)
  })

  // Järvelin and Kekäläinen's example grades as worked in Wikipedia's article on discounted cumulative gain.
  test('discounted gain of 3 2 3 0 1 2, with 3 and 2 not found', () => {
    expect(dcg([3, 2, 3, 0, 1, 2])).toBeCloseTo(6.861, 3)
    expect(dcg([3, 3, 3, 2, 2, 2])).toBeCloseTo(8.74, 2)
    const grades = [3, 2, 3, 0, 1, 2]
    const judged = new Map([...grades.map((g, i) => [`d${i}`, g] as const), ['x', 3], ['y', 2]])
    expect(ndcg(['d0', 'd1', 'd2', 'd3', 'd4', 'd5'], judged, 6)).toBeCloseTo(0.785, 3)
  })

  // Values of scikit-learn's ndcg_score (linear gains) on rankings without ties.
  test('ndcg at a depth', () => {
    const judged = new Map([['a', 10], ['b', 0], ['c', 0], ['d', 1], ['e', 5]]) // biome-ignore format: a table
    const ranked = ['e', 'd', 'c', 'b', 'a']
    expect(ndcg(ranked, judged)).toBeCloseTo(0.6956940443813076, 12)
    expect(ndcg(ranked, judged, 4)).toBeCloseTo(0.4123818817534531, 12)
  })

  test('nothing relevant, nothing found, negative grades', () => {
    expect(ndcg(['a'], new Map([['a', 0]]))).toBe(0)
    expect(averagePrecision([], new Map([['a', 1]]))).toBe(0)
    expect(ndcg(['a', 'b'], new Map([['a', -2], ['b', 1]]))).toBeCloseTo(1 / Math.log2(3), 14) // biome-ignore format: a table
  })

  test('bpref counts judged others before the relevant ones, and only those', () => {
    const judged = new Map([['r1', 1], ['r2', 1], ['n1', 0], ['n2', 0], ['n3', 0]]) // biome-ignore format: a table
    expect(bpref(['n1', 'x', 'r1', 'n2', 'n3', 'r2'], judged)).toBeCloseTo((1 - 1 / 2 + (1 - 2 / 2)) / 2, 14)
    expect(bpref(['x', 'r1', 'r2'], judged)).toBe(1)
  })
})

describe('the order of trec_eval', () => {
  test('equal scores: the later id first', () => {
    expect(trecOrder([{ id: 'a', score: 1 }, { id: 'c', score: 1 }, { id: 'b', score: 2 }])).toEqual(['b', 'c', 'a']) // biome-ignore format: a table
  })
  test('scores are single precision, ids are compared as bytes', () => {
    expect(trecOrder([{ id: 'a', score: 1 + 1e-12 }, { id: 'b', score: 1 }])).toEqual(['b', 'a']) // biome-ignore format: a table
    expect(trecOrder(['\ufffd', '😀', 'z'].map(id => ({ id, score: 0 })))).toEqual(['😀', '\ufffd', 'z'])
  })
  test('refuses what cannot be ordered', () => {
    expect(() => trecOrder([{ id: 'a', score: Number.NaN }])).toThrow('the score of document a is no number')
    expect(() => trecOrder([{ id: 'a', score: 1 }, { id: 'a', score: 2 }])).toThrow('document a occurs twice') // biome-ignore format: a table
  })
})

describe('a run', () => {
  const qrels = readQrels('q1 0 a 1\nq1 0 b 0\nq2 0 c 2\nq3 0 d 0\n')
  const run = readRun('q1 Q0 b 1 2.5 t\nq1 Q0 a 2 1.5 t\n\nq9 Q0 a 1 1 t\r\n')

  test('is averaged over the queries that have something relevant', () => {
    const { queries, mean, perQuery } = evaluate(run, qrels, ['mrr', 'ndcg@10', 'recall@1'])
    expect(queries).toEqual(['q1', 'q2'])
    expect(perQuery.mrr).toEqual([0.5, 0])
    expect(mean.mrr).toBe(0.25)
    expect(mean['recall@1']).toBe(0)
    expect(evaluate(run, qrels, ['mrr'], { missing: 'skip' }).mean.mrr).toBe(0.5)
  })

  test('names of measures', () => {
    expect(() => evaluate(run, qrels, ['toString' as 'map'])).toThrow(/there is no measure toString/)
    expect(() => evaluate(run, qrels, ['ndcg@0'])).toThrow(/there is no measure/)
  })

  test('files go round', () => {
    expect(readRun(writeRun(run, 'x'))).toEqual(run)
    expect(readQrels(writeQrels(qrels))).toEqual(qrels)
    expect(() => writeRun(new Map([['q', [{ id: 'a b', score: 1 }]]]))).toThrow(/free of white space/)
  })

  test('bad lines are named', () => {
    expect(() => readRun('q Q0 d 1 x t')).toThrow(new TrecFormatError(1, 'the score x is no number'))
    expect(() => readQrels('\nq 0 d')).toThrow('line 2: 3 columns, and there must be 4: query iteration document grade')
    expect(() => readQrels('q 0 d 1.5')).toThrow(/whole number/)
  })
})
