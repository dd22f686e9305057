import { sparseRows, tensor } from '@cairn/tensor'
import { expect } from 'vitest'
import { onEachDevice } from '../../../tensor/src/testing/devices.ts'
import { expectClose } from '../../testing.ts'
import { Embedding, EmbeddingBag } from '../index.ts'

const rows = [
  [3, 4],
  [0, 1],
  [6, 8],
  [1, 1],
]
const ids = (list: number[] | number[][]) => tensor(list, { dtype: 'i32' })

onEachDevice('an embedding of a table that is there: frozen unless said, long rows shortened', async () => {
  const frozen = Embedding.fromPretrained(tensor(rows), { maxNorm: 5 })
  expect(frozen.weight.requiresGrad).toBe(false)
  expect([...frozen.stateDict().keys()]).toEqual(['weight'])
  await expectClose(frozen.forward(ids([2, 1, 2])), [3, 4, 0, 1, 3, 4])
  // only what was looked up
  await expectClose(frozen.weight, [3, 4, 0, 1, 3, 4, 1, 1])
  const manhattan = Embedding.fromPretrained(tensor(rows), { maxNorm: 7, normType: 1 })
  await expectClose(manhattan.forward(ids([0, 2])), [3, 4, 3, 4])

  const learning = Embedding.fromPretrained(tensor(rows), { freeze: false, sparse: true, paddingIdx: -1 })
  learning
    .forward(ids([[2, 3]]))
    .sum()
    .backward()
  const gradient = sparseRows(learning.weight.grad!)!
  expect(await gradient.indices.numbers()).toEqual([2, 3])
  expect(await gradient.rows.numbers()).toEqual([1, 1, 0, 0])
  const fresh = new Embedding(3, 2, { paddingIdx: 1 })
  expect((await fresh.weight.numbers()).slice(2, 4)).toEqual([0, 0])
})

onEachDevice('bags of embeddings as torch has them: modes, offsets, the last one, weights, padding', async () => {
  const bag = (options: Parameters<typeof EmbeddingBag.fromPretrained>[1]) =>
    EmbeddingBag.fromPretrained(tensor(rows), options)
  await expectClose(
    bag({}).forward(
      ids([
        [0, 1],
        [2, 3],
      ]),
    ),
    [1.5, 2.5, 3.5, 4.5],
  )
  await expectClose(bag({ mode: 'max' }).forward(ids([0, 1, 2]), ids([0, 2])), [3, 4, 6, 8])
  const last = bag({ mode: 'sum', includeLastOffset: true })
  await expectClose(last.forward(ids([0, 1, 2]), ids([0, 2, 3])), [3, 5, 6, 8])
  await expectClose(last.forward(ids([[0, 1]]), undefined, tensor([[2, -1]])), [6, 7])
  await expectClose(bag({ paddingIdx: 2 }).forward(ids([[0, 2]])), [3, 4])
  const learning = bag({ freeze: false, sparse: true, mode: 'sum' })
  learning
    .forward(
      ids([
        [0, 1],
        [1, 3],
      ]),
    )
    .sum()
    .backward()
  const gradient = sparseRows(learning.weight.grad!)!
  expect(await gradient.indices.numbers()).toEqual([0, 1, 1, 3])
  await expectClose(learning.weight.grad!, [1, 1, 2, 2, 0, 0, 1, 1])
})
