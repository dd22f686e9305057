// A fallen ratio is told from noise, and only where one was recorded.

import { expect, test } from 'vitest'
import { regressions, unrecorded } from './ratios.ts'

const result = (value: number) => ({
  bench: 'sum',
  name: 'sum of 4M',
  value,
  unit: 'ms',
  limit: { name: 'a read', value: 1 },
})

test('regressions: a cost that rose beyond the noise is one, others are not', () => {
  const ratios = { 'sum: sum of 4M / a read': 0.8 }
  expect(regressions([result(1.25)], ratios)).toEqual([])
  expect(regressions([result(1.4)], ratios)).toEqual([])
  expect(regressions([result(2)], ratios)).toEqual(['sum: sum of 4M / a read: 0.50, recorded 0.80'])
  expect(regressions([{ ...result(2), bench: 'other' }], ratios)).toEqual([])
  expect(regressions([{ bench: 'sum', name: 'sum of 4M', value: 9, unit: 'ms' }], ratios)).toEqual([])
})

test('unrecorded: what has a ratio that is not there', () => {
  const ratios = { 'sum: sum of 4M / a read': 0.8 }
  const none = { bench: 'sum', name: 'kernels', value: 9, unit: 'kernels' }
  expect(unrecorded([result(1), none, { ...result(1), name: 'sum of 8M' }], ratios)).toEqual([
    'sum: sum of 8M / a read',
  ])
})
