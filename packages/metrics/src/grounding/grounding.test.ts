import { expect, test } from 'vitest'
import { contextPrecision, contextRecall, faithfulness } from './grounding.ts'

/** A claim is a list of letters; a text supports it as far as it has them. */
const judge = {
  score: (claim: string, evidence: string) =>
    [...claim].filter(letter => evidence.includes(letter)).length / claim.length,
}

test('faithfulness and context recall: the share of claims that the context supports', async () => {
  expect(await faithfulness(['ab', 'cd', 'xy'], ['abc', 'd'], { judge, threshold: 1 })).toBeCloseTo(2 / 3, 12)
  // Half of a claim is enough from 0.5 on.
  expect(await faithfulness(['ax', 'xy'], ['abc'], { judge })).toBe(0.5)
  expect(await contextRecall(['ab'], [], { judge })).toBe(0)
  expect(await faithfulness([], ['abc'], { judge })).toBeNaN()
})

test('context precision: what is of use counts by where it stands', async () => {
  const options = { judge, threshold: 1 }
  expect(await contextPrecision(['ab'], ['ab', 'x', 'zab'], options)).toBeCloseTo((1 + 2 / 3) / 2, 12)
  expect(await contextPrecision(['ab'], ['x', 'ab'], options)).toBe(0.5)
  expect(await contextPrecision(['ab'], ['x'], options)).toBe(0)
})

test('a judge may take its time, and must give what it promised', async () => {
  const slow = { score: async () => 1 }
  expect(await contextRecall(['a'], ['b'], { judge: slow })).toBe(1)
  await expect(contextRecall(['a'], ['b'], { judge: { score: () => 7 } })).rejects.toThrow('the judge gave 7')
  await expect(contextPrecision(['a'], ['b'], { judge: { score: () => Number.NaN } })).rejects.toThrow(RangeError)
})
