// Reductions made of others, running products and extremes, histograms.

import { describe, expect, test } from 'vitest'
import { grad, type Tensor, tensor, zeros } from '../index.ts'
import { checkOp, given } from '../testing/check-op.ts'
import { onEachDevice } from '../testing/devices.ts'
import { draw } from '../testing/random.ts'

const shapes = [[3, 4], [5]] as const
checkOp('cumprod', x => x.cumprod(0), { shapes: [[3, 4], [5], [0, 2], []] })
checkOp('cumprod with zeros', x => x.cumprod(0), { inputs: [[given([5], [2, 0, 3, 0, 4])], [given([3], [0, 1, 2])]] })
checkOp('cummax', x => x.cummax(-1)[0], { shapes: [[3, 9], [5], [0]], webgpu: 'all' })
checkOp('cummin', x => x.cummin(0)[0], { shapes })
checkOp('logcumsumexp', x => x.logcumsumexp(-1), { shapes: [[2, 5], [3], []] })
checkOp('diff', x => x.diff(2), { shapes: [[3, 4], [1], [5]] })
checkOp('trapezoid', x => x.trapezoid({ dx: 0.5 }), { shapes: [[3, 4], [1]] })
for (const p of [1, 3, 0.5, Infinity, -Infinity])
  checkOp(`norm of order ${p}`, x => x.norm(-1, { p }), { shapes, range: [0.2, 2] })
checkOp('norm of order 0', x => x.norm(-1, { p: 0 }), { inputs: [[given([4], [0, 2, 0, 1])]], gradient: false })
checkOp('dist', (a, b) => a.dist(b), { shapes: [[[3, 4], [4]]] })
checkOp('renorm', x => x.renorm(2, 0, 1), { shapes: [[3, 4]] })
checkOp('cov', x => x.cov(), { shapes: [[3, 5]] })
checkOp('corrcoef', x => x.corrcoef(), { shapes: [[3, 5]] })
checkOp('nansum', x => x.nansum(0), { shapes, inputs: [[given([3], [1, NaN, 2])]], second: false, gradient: false })
checkOp('nanmean', x => x.nanmean(0), { shapes })

describe('values', () => {
  onEachDevice('running extremes know where they are', async () => {
    const [values, indices] = tensor([1, 3, 2, 3, NaN, 9]).cummax(0)
    expect(await values.toArray()).toEqual([1, 3, 3, 3, NaN, NaN])
    expect(await indices.toArray()).toEqual([0, 1, 1, 3, 4, 4])
    expect(await tensor([3, 1, 1, 2], { dtype: 'i32' }).cummin(0)[1].toArray()).toEqual([0, 1, 2, 2])
  })
  onEachDevice('running products and log-sums at the edges', async () => {
    expect(await tensor([2, Infinity, 3, 0]).cumprod(0).toArray()).toEqual([2, Infinity, Infinity, NaN])
    expect(await tensor([2, 3], { dtype: 'i8' }).cumprod(0).toArray()).toEqual([2, 6])
    const x = tensor([-Infinity, -Infinity, 0, 1000])
    expect(await x.logcumsumexp(0).toArray()).toEqual([-Infinity, -Infinity, 0, 1000])
  })
  onEachDevice('what is not NaN', async () => {
    const x = tensor([
      [1, NaN],
      [NaN, NaN],
    ])
    expect(await x.nansum().item()).toBe(1)
    expect(await x.nanmean(1).toArray()).toEqual([1, NaN])
    expect(await tensor([0, 2, 0]).countNonzero().item()).toBe(1)
    const [low, high] = tensor([3, 1, 2]).aminmax()
    expect([await low.item(), await high.item()]).toEqual([1, 3])
    const [v, m] = tensor([1, 3]).varMean()
    expect([await v.item(), await m.item()]).toEqual([2, 2])
    const slope = await grad((x: Tensor) => x.nansum())(tensor([1, NaN])).toArray()
    expect(slope).toEqual([1, 0])
  })
  onEachDevice('counts', async () => {
    expect(await tensor([1, 0, 1, 3], { dtype: 'i32' }).bincount(5).toArray()).toEqual([1, 2, 0, 1, 0])
    const weights = tensor([0.5, 1, 2, 4])
    expect(await tensor([1, 0, 1, 3], { dtype: 'i32' }).bincount(4, { weights }).toArray()).toEqual([1, 2.5, 0, 4])
    expect(await zeros([0], { dtype: 'i32' }).bincount(2).toArray()).toEqual([0, 0])
    const from = draw('bincount')
    const values = from.many(3001, 0, 7).map(Math.floor)
    const wanted = new Array<number>(7).fill(0)
    for (const v of values) wanted[v]++
    expect(await tensor(Int32Array.from(values)).bincount(7).toArray()).toEqual(wanted)
  })
  onEachDevice('histograms', async () => {
    const x = tensor([1, 2, 1, NaN, 4, -1, 9])
    const { counts, edges } = x.histogram(3, { range: [1, 4] })
    expect(await counts.toArray()).toEqual([2, 1, 1])
    expect(await edges.toArray()).toEqual([1, 2, 3, 4])
    expect(await tensor([1, 2, 1]).histc(4, 0, 3).toArray()).toEqual([0, 2, 1, 0])
    expect(await tensor([1, 2, 5]).histc(4).toArray()).toEqual([1, 1, 0, 1])
    expect(await tensor([2, 2]).histc(2).toArray()).toEqual([0, 2])
    const own = x.histogram(tensor([0, 1, 10]), { density: true })
    expect(
      await own.counts
        .sub(tensor([0, 1 / 9]))
        .abs()
        .max()
        .item(),
    ).toBeLessThan(1e-6)
  })
})

test('what does not fit is refused by name', () => {
  expect(() => tensor([1]).bincount(2)).toThrow('bincount: needs a 1-d integer tensor, got f32 with 1 axes')
  expect(() => tensor([1]).histogram(0)).toThrow(
    'histogram: the number of bins must be an integer of at least 1, not 0',
  )
})
