// Values kept across pieces of the queue: a loop that keeps one value an iteration and reads them together at the end.

import { beforeAll, expect, test } from 'vitest'
import { cat, setDefaultDevice, tensor, zeros } from '../index.ts'

beforeAll(async () => {
  await setDefaultDevice('reference')
})

test('kept values of every version of a storage are read together after the last', async () => {
  const cache = zeros([2, 4])
  cache.own()
  const written = []
  let next = tensor([[1], [2]])
  for (let i = 0; i < 4; i++) {
    cache.assign(cache.scatter(1, tensor([[i], [i]], { dtype: 'i32' }), next))
    next = cache.sum(1, { keepDim: true })
    written.push(next.keep())
  }
  expect(await cat(written, 1).toArray()).toEqual([
    [1, 2, 4, 8],
    [2, 4, 8, 16],
  ])
})
