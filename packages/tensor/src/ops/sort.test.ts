// Sorting against JavaScript's stable sort, past every size at which blocks, runs and passes change; what is picked from the order.

import { describe, expect, test } from 'vitest'
import { type DType, grad, type Tensor, tensor, zeros } from '../index.ts'
import { checkOp } from '../testing/check-op.ts'
import { onEachDevice } from '../testing/devices.ts'
import { draw } from '../testing/random.ts'

/** positions in order; NaN last, or first when descending; equal ones in their order */
function plainOrder(values: readonly number[], descending: boolean): number[] {
  const compare = (a: number, b: number) =>
    Number.isNaN(a) ? (Number.isNaN(b) ? 0 : 1) : Number.isNaN(b) ? -1 : a < b ? -1 : a > b ? 1 : 0
  return values.map((_, i) => i).sort((i, j) => compare(values[i], values[j]) * (descending ? -1 : 1) || i - j)
}

describe('the order', () => {
  onEachDevice('is stable and that of plain numbers', async device => {
    const from = draw('sort')
    for (const n of device === 'reference'
      ? [1, 2, 63, 64, 65, 129]
      : device === 'webgpu'
        ? [3, 64, 65, 300]
        : [1, 2, 3, 63, 64, 65, 127, 129, 300, 1000, 5003])
      for (const descending of [false, true]) {
        const values = from
          .many(n, -9, 9)
          .map(v => (v > 8.5 ? NaN : v < -8.5 ? -Infinity : v > 8 ? Infinity : Math.round(v)))
        const [sorted, indices] = tensor(values).sort(0, { descending })
        const wanted = plainOrder(values, descending)
        expect(await indices.toArray(), `n ${n}`).toEqual(wanted)
        expect(await sorted.numbers()).toEqual(wanted.map(i => values[i]))
      }
  })
  onEachDevice('of any axis and dtype', async device => {
    for (const dtype of ['f32', 'f16', 'i32', 'u8', 'i8', 'u32', 'bool', 'f64', 'i64'] as DType[]) {
      if (device === 'webgpu' && (dtype === 'f64' || dtype === 'i64')) continue
      const x = tensor(
        [
          [1, 0, 1],
          [0, 1, 0],
          [1, 1, 0],
        ],
        { dtype },
      )
      expect(await x.argsort(0).toArray(), dtype).toEqual([
        [1, 0, 1],
        [0, 1, 2],
        [2, 2, 0],
      ])
      expect(await x.argsort(-1, { descending: true }).toArray(), dtype).toEqual([
        [0, 2, 1],
        [1, 0, 2],
        [0, 1, 2],
      ])
    }
    expect(
      await tensor([2 ** 31 - 1, -(2 ** 31), 0], { dtype: 'i32' })
        .argsort()
        .toArray(),
    ).toEqual([1, 2, 0])
    expect(await tensor(3).argsort(0).toArray()).toBe(0)
    expect(zeros([2, 0]).argsort().shape).toEqual([2, 0])
  })
  checkOp('sort', x => x.sort(0)[0], { shapes: [[7, 2], [70], [1], [0, 3]], webgpu: 'all' })
  checkOp('sort downwards', x => x.sort(-1, { descending: true })[0], { shapes: [[2, 5]] })
})

describe('the first of the order', () => {
  onEachDevice('topk', async device => {
    const from = draw('topk')
    const n = device === 'reference' ? 130 : 1000
    const values = from.many(2 * n, -50, 50).map(Math.round)
    for (const count of [1, 5, 70])
      for (const largest of [true, false]) {
        const [found, indices] = tensor(Float32Array.from(values), [2, n]).topk(count, -1, { largest })
        for (const r of [0, 1]) {
          const own = values.slice(r * n, (r + 1) * n)
          const wanted = plainOrder(own, largest).slice(0, count)
          expect(await indices.select(0, r).toArray()).toEqual(wanted)
          expect(await found.select(0, r).toArray()).toEqual(wanted.map(i => own[i]))
        }
      }
    expect(await tensor([1, NaN, 3]).topk(2)[1].toArray()).toEqual([1, 2])
  })
  checkOp('topk', x => x.topk(2, 0)[0], { shapes: [[5, 2], [66]] })
  checkOp('kthvalue', x => x.kthvalue(2, 1)[0], { shapes: [[3, 4]] })
  checkOp('median', x => x.median(), { shapes: [[3, 4], [5], []] })
  checkOp('median of an axis', x => x.median(0, { keepDim: true }), { shapes: [[4, 3], [5]] })
  checkOp('quantile', x => x.quantile([0.1, 0.5, 1], 0), { shapes: [[4, 3], [5]], webgpu: 'all' })
  checkOp('quantile of all', x => x.quantile(0.35), { shapes: [[4, 3]] })
  onEachDevice("medians and quantiles are torch's", async () => {
    expect(await tensor([3, 1, 2, 4]).median().item()).toBe(2)
    expect(await tensor([3, NaN, 2]).median().item()).toBeNaN()
    expect(await tensor([3, NaN, 2, 1]).nanmedian().item()).toBe(2)
    expect(
      await tensor(
        [
          [1, 5],
          [2, 3],
        ],
        { dtype: 'i32' },
      )
        .median(1)
        .toArray(),
    ).toEqual([1, 2])
    const x = tensor([0, 1, 2, 3])
    const all = ['linear', 'lower', 'higher', 'nearest', 'midpoint'] as const
    const found: number[] = []
    for (const interpolation of all) found.push(await x.quantile(0.4, undefined, { interpolation }).item())
    expect(found.map(v => Math.round(v * 1e5) / 1e5)).toEqual([1.2, 1, 2, 1, 1.5])
    expect(await tensor([1, NaN]).quantile(0.5).item()).toBeNaN()
    expect(await tensor([1, NaN, 3]).nanquantile(0.5).item()).toBe(2)
    expect(await tensor([-Infinity, -Infinity, 1]).quantile(0.25).item()).toBe(-Infinity)
    expect(await grad((t: Tensor) => t.median())(tensor([3, 1, 2])).toArray()).toEqual([0, 0, 1])
  })
})

describe('searching', () => {
  onEachDevice('searchsorted', async () => {
    const x = tensor([1, 3, 3, 5, 7])
    expect(
      await x
        .searchsorted(
          tensor([
            [0, 3],
            [4, 9],
            [NaN, 7],
          ]),
        )
        .toArray(),
    ).toEqual([
      [0, 1],
      [3, 5],
      [5, 4],
    ])
    expect(await x.searchsorted(tensor([3, 7]), { right: true }).toArray()).toEqual([3, 5])
    expect(await x.searchsorted(3).item()).toBe(1)
    expect(
      await tensor([
        [1, 2],
        [5, 6],
      ])
        .searchsorted(tensor([[2], [0]]))
        .toArray(),
    ).toEqual([[1], [0]])
    expect(
      await tensor([0.5, 2])
        .bucketize(tensor([0, 1, 2]))
        .toArray(),
    ).toEqual([1, 2])
    expect(
      await zeros([0])
        .searchsorted(tensor([1]))
        .toArray(),
    ).toEqual([0])
  })
})

test('what does not fit is refused by name', () => {
  expect(() => tensor([1, 2]).topk(3)).toThrow('topk: there are no 3 elements along axis -1 (size 2)')
  expect(() => tensor([1, 2]).kthvalue(0)).toThrow('kthvalue: the k must be an integer of at least 1, not 0')
  expect(() => zeros([0]).median()).toThrow('median: nothing has no middle')
  expect(() => tensor([1, 2]).quantile(1.5)).toThrow('quantile: q must lie in [0, 1] (q [1.5])')
})
