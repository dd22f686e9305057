import { expect, test } from 'vitest'
import { recall, remember } from './remember.ts'

const keys = (known: ReadonlyMap<number, unknown>): number[] => [...known.keys()]

test('the oldest entries go where there are too many', () => {
  const known = new Map<number, string>()
  for (let i = 0; i < 5; i++) remember(known, i, 'x', 3)
  expect(keys(known)).toEqual([2, 3, 4])
  remember(known, 2, 'y', 3)
  expect(keys(known)).toEqual([3, 4, 2])
})

test('and where they weigh too much together; the last one stays, whatever it weighs', () => {
  const known = new Map<number, number>()
  const bounds = { entries: 10, bytes: 100, bytesOf: (n: number) => n }
  for (const [i, weight] of [40, 50, 10, 30, 5].entries()) remember(known, i, weight, bounds)
  expect(keys(known)).toEqual([1, 2, 3, 4])
  remember(known, 5, 500, bounds)
  expect(keys(known)).toEqual([5])
  remember(known, 6, 1, bounds)
  expect(keys(known)).toEqual([6])
})

test('what is in use is not the first to go', () => {
  const known = new Map<number, string>()
  for (let i = 0; i < 6; i++) {
    remember(known, i, 'x', 3)
    recall(known, 0)
  }
  expect(keys(known)).toEqual([4, 5, 0])
  expect(recall(known, 3)).toBeUndefined()
})
