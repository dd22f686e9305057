// Indices that are data and lie outside of their axis: an error that names op, index and size, on the CPU always and on a GPU in debug mode;
// and no error where a mask hides them. What the failed run wrote rejects, and can be written again.

import { afterAll, beforeAll, expect } from 'vitest'
import { disposeDevice, IndexError, realize, step, type Tensor, tensor, where, zeros } from '../index.ts'
import { onEachDevice as onEach } from '../testing/devices.ts'

const before = process.env.CAIRN_DEBUG
beforeAll(async () => {
  // a GPU looks at indices when it was started in debug mode
  await disposeDevice('webgpu')
  process.env.CAIRN_DEBUG = 'indices'
})
afterAll(async () => {
  if (before === undefined) delete process.env.CAIRN_DEBUG
  else process.env.CAIRN_DEBUG = before
  await disposeDevice('webgpu')
})

const ids = (...values: number[]): Tensor => tensor(values, { dtype: 'i32' })
const counting = (n: number, shape: readonly number[] = [n]): Tensor =>
  tensor(
    Float32Array.from({ length: n }, (_, i) => i),
    shape,
  )
/** `n` indices into an axis of 10, one of them outside. */
const oneOf = (n: number, at: number, bad: number): Tensor =>
  tensor(
    Int32Array.from({ length: n }, (_, i) => (i === at ? bad : i % 10)),
    [n],
  )

const cases: readonly (readonly [string, (bad: number) => Tensor, RegExp])[] = [
  ['gather', bad => counting(10).gather(0, ids(1, bad, 2)), /^gather: .* axis 0 \(size 10/],
  ['gather in lanes', bad => counting(10).gather(0, oneOf(203, 101, bad)), /^gather: .* axis 0 \(size 10/],
  ['gather in the tail', bad => counting(10).gather(0, oneOf(203, 202, bad)), /^gather: .* axis 0 \(size 10/],
  [
    'gather in a sum',
    bad =>
      counting(10)
        .gather(0, oneOf(400, 7, bad))
        .mul(2)
        .sum(),
    /^gather: .* axis 0 \(size 10/,
  ],
  [
    'gather of the last axis',
    bad => counting(20, [2, 10]).gather(1, ids(3, bad, 4, 5).reshape([2, 2])),
    /axis 1 \(size 10/,
  ],
  ['indexSelect', bad => counting(60, [10, 6]).indexSelect(0, ids(9, bad)), /^gather: .* axis 0 \(size 10/],
  ['one row', bad => counting(1).indexSelect(0, ids(0, bad)), /\(size 1\b/],
  [
    'a repeated row',
    bad =>
      tensor([[5, 6]])
        .expand([10, 2])
        .indexSelect(0, ids(0, bad)),
    /\(size 10/,
  ],
  ['a scatter to one place', bad => zeros([1]).scatter(0, ids(bad), tensor([2])), /^scatter: .*\(size 1\b/],
  ['scatter', bad => zeros([10]).scatter(0, ids(3, bad), tensor([1, 2])), /^scatter: .* axis 0 \(size 10/],
  [
    'scatterAdd',
    bad => zeros([10, 8]).scatterAdd(0, ids(3, bad).reshape([2, 1]).expand([2, 8]), zeros([2, 8])),
    /^scatter: .*size 10/,
  ],
  ['indexAdd', bad => zeros([10, 3]).indexAdd(0, ids(bad), zeros([1, 3])), /^scatter: .*size 10/],
  ['takeAlongDim', bad => counting(10).takeAlongDim(ids(0, bad), 0), /^gather: .*size 10/],
]

for (const [name, make, message] of cases)
  onEach(`${name}: an index outside`, async () => {
    for (const bad of [10, 1e6, -11, 2 ** 31 - 1, -(2 ** 31)]) {
      if (name === 'takeAlongDim' && bad === -11) continue
      const failed = make(bad).data()
      await expect(failed).rejects.toThrow(IndexError)
      await expect(failed).rejects.toThrow(message)
      if (name !== 'takeAlongDim' || bad > 0) await expect(failed).rejects.toThrow(`index ${bad} is`)
    }
    const inside = await make(0).data()
    expect(inside.length).toBeGreaterThan(0)
  })

onEach('negative indices follow torch: gather refuses them, take counts from the end', async () => {
  const x = counting(6)
  await expect(x.gather(0, ids(-1)).data()).rejects.toThrow(/index -1 is outside of axis 0/)
  expect(await x.take(ids(-1, -6, 5)).numbers()).toEqual([5, 0, 5])
  await expect(x.take(ids(-7)).data()).rejects.toThrow(IndexError)
  await expect(x.take(ids(6)).data()).rejects.toThrow(IndexError)
})

onEach(
  'an index past 32 bits does not come back inside',
  async () => {
    const far = tensor([2 ** 32 + 1], { dtype: 'i64' })
    await expect(counting(6).gather(0, far).data()).rejects.toThrow(IndexError)
    await expect(
      counting(6)
        .gather(0, tensor([2 ** 32 - 1], { dtype: 'u32' }))
        .data(),
    ).rejects.toThrow(IndexError)
  },
  { on: ['reference', 'wasm'] },
)

onEach('take counts from the end in lanes', async () => {
  expect(
    await counting(6)
      .take(ids(...new Array(50).fill(-2)))
      .sum()
      .item(),
  ).toBe(200)
})

onEach('each of several index tensors is held to its own axis', async () => {
  const x = counting(12, [3, 4])
  expect(await x.index(ids(0, 2), ids(-1, 1)).numbers()).toEqual([3, 9])
  // 0 * 4 + 5 would be inside of the whole
  await expect(x.index(ids(0, 2), ids(5, 1)).data()).rejects.toThrow(/index 5 .*size 4/)
})

onEach('what a mask hides is not looked at', async () => {
  const x = counting(5)
  // behind the padding the shifted index would be -1 or 5
  const shifted = x.gather(0, ids(1, 2, 3).sub(1)).pad([[2, 2]])
  expect(await shifted.add(1).numbers()).toEqual([1, 1, 1, 2, 3, 1, 1])
  const chosen = where(tensor([true, false]), x.gather(0, where(tensor([true, false]), ids(4, 9), ids(0, 0))), 7)
  expect(await chosen.numbers()).toEqual([4, 7])
  const long = x.gather(0, ids(...new Array(97).fill(1)).sub(1)).pad([[3, 4]])
  expect((await long.numbers()).every(v => v === 0)).toBe(true)
})

onEach('an empty axis has no index', async () => {
  expect(() => zeros([0]).gather(0, ids(0))).toThrow(IndexError)
  expect(
    await zeros([0])
      .gather(0, tensor([], { dtype: 'i32' }))
      .numbers(),
  ).toEqual([])
})

onEach('what the run wrote rejects until it is written again, and the device goes on', async device => {
  const w = counting(10)
  await realize(w)
  const update = (at: number): Promise<void> => {
    w.assign(w.scatterAdd(0, ids(1, at), tensor([1, 1])))
    return step([w])
  }
  await update(2)
  expect(await w.numbers()).toEqual([0, 2, 3, 3, 4, 5, 6, 7, 8, 9])
  const outcomes: unknown[] = []
  for (const at of [10, 3, 3]) outcomes.push(await update(at).then(() => null, error => error)) // biome-ignore format: one line
  expect(outcomes.some(o => o instanceof IndexError)).toBe(true)
  // the reference device fails before it has changed anything
  if (device !== 'reference') {
    await expect(w.data()).rejects.toThrow(/index 10 is outside of axis 0 \(size 10/)
    await expect(w.add(1).data()).rejects.toThrow(IndexError)
  }
  w.assign(zeros([10]))
  await update(4).catch(() => {})
  w.assign(zeros([10]))
  await update(4)
  expect(await w.numbers()).toEqual([0, 1, 0, 0, 1, 0, 0, 0, 0, 0])
  // sizes that come at run time are looked up in the run
  for (const n of [4, 5, 6, 7]) {
    const x = counting(n)
    expect(await x.gather(0, ids(n - 1)).numbers()).toEqual([n - 1])
    await expect(x.gather(0, ids(n)).data()).rejects.toThrow(`index ${n} is outside of axis 0 (size ${n}`)
  }
})
