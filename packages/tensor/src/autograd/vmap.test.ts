// vmap: every primitive against a loop over the examples, arguments in every position; axes, trees, random numbers, what is refused.

import { describe, expect, test } from 'vitest'
import {
  bernoulli,
  cat,
  dropout,
  Generator,
  grad,
  jvp,
  noGrad,
  rand,
  randn,
  readAll,
  realize,
  setDefaultDevice,
  stack,
  type Tensor,
  TransformError,
  tensor,
  type VmapOptions,
  valueAndGrad,
  vmap,
  where,
} from '../index.ts'
import { apply } from '../tensor.ts'
import { expectClose, single } from '../testing/close.ts'
import { onEachDevice } from '../testing/devices.ts'
import { draw } from '../testing/random.ts'
import { countLaunches } from '../testing/work.ts'

type Op = (...xs: Tensor[]) => Tensor
type Case = readonly [name: string, op: Op, ...inputs: (readonly number[])[]]

const n = 3

/** the op for each example alone, stacked */
function looped(f: Op, xs: readonly Tensor[], batched: readonly boolean[]): Tensor {
  return stack(Array.from({ length: n }, (_, i) => f(...xs.map((x, j) => (batched[j] ? x.select(0, i) : x)))))
}

const ints = (from: ReturnType<typeof draw>, shape: readonly number[], high: number): Tensor =>
  tensor(
    Int32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => from.integer(0, high)),
    shape,
  )

const cases: readonly Case[] = [
  ['exp', x => x.exp(), [4, 2]],
  ['a number', x => x.mul(2).add(1), []],
  ['sub', (a, b) => a.sub(b), [4, 2], [4, 2]],
  ['broadcast', (a, b) => a.div(b), [4, 2], []],
  ['broadcast the other way', (a, b) => a.mul(b), [], [2, 2]],
  ['where', (a, b) => where(a.gt(b), a, b), [5], [5]],
  ['to', x => x.to('i32').to('f32'), [5]],
  ['bitcast', x => x.bitcast('i32').and(-256).bitcast('f32'), [5]],
  ['sum', x => x.sum(1), [4, 2]],
  ['sum of all', x => x.sum(), [4, 2]],
  ['prod', x => x.prod(0), [4, 2]],
  ['max', x => x.max(-1, { keepDim: true }), [4, 2]],
  ['argmin', x => x.argmin(0).to('f32'), [4, 2]],
  ['reshape', x => x.reshape([2, 4]), [4, 2]],
  ['permute', x => x.permute([2, 0, 1]), [2, 3, 4]],
  ['expand', x => x.expand([4, 3, 2]), [3, 1]],
  ['slice', x => x.slice([1, null, 2], [null, null, -1]), [4, 2]],
  ['windows', x => x.windows(1, 3, 2, 1), [2, 7]],
  ['pad', x => x.pad([[1, 0], [0, 2]], 3), [4, 2]], // biome-ignore format: pairs
  ['cat', (a, b) => cat([a, b], 1), [2, 3], [2, 1]],
  ['matmul', (a, b) => a.matmul(b), [4, 2], [2, 3]],
  ['matmul with a column', (a, b) => a.matmul(b), [4, 2], [2, 1]],
  ['matmul with a vector', (a, b) => a.matmul(b), [4, 2], [2]],
  ['a vector with a matrix', (a, b) => a.matmul(b), [2], [2, 3]],
  ['matmul in batches', (a, b) => a.matmul(b), [2, 4, 2], [2, 2, 3]],
  ['matmul with batches on one side', (a, b) => a.matmul(b), [2, 4, 2], [2, 3]],
  ['softmax', x => x.softmax(-1), [4, 2]],
  ['sigmoid', x => x.sigmoid(), []],
  ['cumsum', x => x.cumsum(0), [5]],
  ['norm', x => x.norm(1), [4, 2]],
  ['tril', x => x.tril(), [3, 3]],
  ['detach', x => x.detach().add(x), [3]],
]

const someOf = (count: number): boolean[][] =>
  Array.from({ length: 2 ** count - 1 }, (_, i) => Array.from({ length: count }, (__, j) => ((i + 1) & (1 << j)) !== 0))

describe('vmap is a loop', () => {
  onEachDevice(
    'over ops, with examples in every choice of arguments',
    async device => {
      for (const [name, op, ...shapes] of cases)
        for (const batched of someOf(shapes.length).slice(device === 'webgpu' ? -1 : 0)) {
          const xs = shapes.map((s, i) => randn(batched[i] ? [n, ...s] : s).keep())
          const inAxes = batched.map(b => (b ? 0 : null))
          const got = vmap(op, { inAxes })(...xs)
          const want = looped(op, xs, batched)
          expect(got.shape, name).toEqual(want.shape)
          const [a, b] = (await readAll([got, want])).map(v => Array.from(v as Float32Array))
          expectClose(a, b, single, `${name}, examples in ${inAxes}`)
        }
    },
    { timeout: 60_000 },
  )

  onEachDevice('over indices', async device => {
    const from = draw('vmap indices')
    const indexed: [string, (x: Tensor, i: Tensor, u: Tensor) => Tensor, number[], number[]][] = [
      ['gather', (x, i) => x.gather(0, i), [4, 3], [5, 3]],
      ['gather of fewer columns', (x, i) => x.gather(0, i), [4, 3], [2, 2]],
      ['gather along the last axis', (x, i) => x.gather(-1, i), [2, 4], [2, 3]],
      ['gather in the middle', (x, i) => x.gather(1, i), [2, 4, 3], [2, 5, 3]],
      ['rows', (x, i) => x.indexSelect(0, i), [4, 3], [5]],
      ['rows by a matrix', (x, i) => x.indexSelect(0, i), [4, 3], [2, 2]],
      ['scatter', (x, i, u) => x.scatter(0, i, u), [4, 3], [2, 3]],
      ['scatterAdd', (x, i, u) => x.scatterAdd(1, i, u), [2, 4], [2, 6]],
      ['scatterMax', (x, i, u) => x.scatterMax(0, i, u), [4, 3], [2, 3]],
      ['oneHot', (_, i, u) => i.oneHot(4).to('f32').mul(u.unsqueeze(-1)), [4], [3, 2]],
    ]
    for (const [name, op, shape, index] of indexed)
      for (const batched of someOf(3).slice(device === 'webgpu' ? -1 : 0)) {
        const lead = (i: number, s: number[]) => (batched[i] ? [n, ...s] : s)
        const xs = [randn(lead(0, shape)).keep(), ints(from, lead(1, index), 4), randn(lead(2, index)).keep()]
        const inAxes = batched.map(b => (b ? 0 : null))
        const got = vmap(op, { inAxes })(...(xs as [Tensor, Tensor, Tensor]))
        const want = looped(op as Op, xs, batched)
        expect(got.shape, name).toEqual(want.shape)
        expectClose(await got.numbers(), await want.numbers(), single, `${name}, examples in ${inAxes}`)
      }
  })

  onEachDevice('over a moving window', async () => {
    const starts = tensor([0, 2, 9], { dtype: 'i32' })
    const window: Op = (x, s) => x.narrow(0, s, 2)
    const put: Op = (x, s) => x.setNarrow(0, s, x.narrow(0, 1, 2).mul(10))
    for (const f of [window, put])
      for (const batched of someOf(2)) {
        const xs = [randn(batched[0] ? [n, 5, 2] : [5, 2]).keep(), batched[1] ? starts : starts.select(0, 1)]
        const got = vmap(f, { inAxes: batched.map(b => (b ? 0 : null)) })(...xs)
        expect(await got.toArray()).toEqual(await looped(f, xs, batched).toArray())
      }
  })

  onEachDevice('of no examples', async () => {
    const out = vmap((x: Tensor) => x.softmax(0).matmul(x.unsqueeze(1)))(tensor(new Float32Array(0), [0, 4]))
    expect(out.shape).toEqual([0, 1])
    expect(await out.numbers()).toEqual([])
  })
})

describe('axes, trees and results', () => {
  onEachDevice('examples along any axis, in and out', async () => {
    const x = randn([4, 3, 2]).keep()
    const f = (v: Tensor): Tensor => v.cumsum(0)
    const got = vmap(f, { inAxes: 1, outAxes: -1 })(x)
    expect(got.shape).toEqual([4, 2, 3])
    const want = stack([0, 1, 2].map(i => f(x.select(1, i)))).permute([1, 2, 0])
    expectClose(await got.numbers(), await want.numbers(), single, 'values')
  })

  onEachDevice('nested objects and arrays; what is no tensor is passed on', async () => {
    const f = (p: { w: Tensor; rest: readonly [Tensor, number] }, x: Tensor, name: string) => ({
      [name]: x.mul(p.w).add(p.rest[0]).mul(p.rest[1]),
      both: [x.sum(), p.w] as const,
      note: name,
    })
    const x = tensor([[1, 2], [3, 4]]) // biome-ignore format: a matrix
    const p = { w: tensor([10, 20]), rest: [tensor([[1, 1], [2, 2]]), 2] as const } // biome-ignore format: a matrix
    const out = vmap(f, { inAxes: [{ w: null, rest: 0 }, 0, 0], outAxes: { y: 1, both: [0, null], note: 0 } })(
      p,
      x,
      'y',
    )
    expect(await (out.y as Tensor).toArray()).toEqual([[22, 64], [82, 164]]) // biome-ignore format: a matrix
    expect(await out.both[0].toArray()).toEqual([3, 7])
    expect(out.both[1].shape).toEqual([2])
    expect(out.note).toBe('y')
  })

  onEachDevice('vmap of vmap', async () => {
    const [a, b] = [randn([3, 2]).keep(), randn([4, 2]).keep()]
    const all = vmap((x: Tensor) => vmap((y: Tensor) => x.sub(y).norm())(b))(a)
    const want = a.unsqueeze(1).sub(b.unsqueeze(0)).norm(-1)
    expectClose(await all.numbers(), await want.numbers(), single, 'values')
    const outer = vmap(
      vmap((x: Tensor, y: Tensor) => x.matmul(y), { inAxes: [null, 0] }),
      { inAxes: [0, null] },
    )(a, b)
    expectClose(await outer.numbers(), await a.matmul(b.transpose(0, 1)).numbers(), single, 'values')
  })

  onEachDevice('a result that no example touches repeats', async () => {
    const w = tensor([1, 2])
    expect(await vmap((_: Tensor) => w)(tensor([0, 0, 0])).toArray()).toEqual([[1, 2], [1, 2], [1, 2]]) // biome-ignore format: rows
    const once = vmap((_: Tensor) => w.mul(2), { outAxes: null })(tensor([0, 0]))
    expect(await once.toArray()).toEqual([2, 4])
  })

  onEachDevice('shared parts are computed once, and a shared matrix is one product', async device => {
    if (device === 'reference') return
    const [x, w] = [randn([16, 8]).keep(), randn([8, 8]).keep()]
    await realize()
    const launches = await countLaunches(device, () => vmap((v: Tensor) => v.matmul(w.mul(2)).tanh())(x).data())
    expect(launches).toBeLessThanOrEqual(2)
  })

  onEachDevice('history of the arguments goes on', async () => {
    const w = tensor([1, 2, 3], { requiresGrad: true })
    const table = tensor([[1, 2], [3, 4]], { requiresGrad: true }) // biome-ignore format: a matrix
    vmap((v: Tensor) => table.mul(v).sum(0))(w)
      .sum()
      .backward()
    expect(await w.grad!.numbers()).toEqual([10, 10, 10])
    expect(await table.grad!.numbers()).toEqual([6, 6, 6, 6])
    w.zeroGrad()
    vmap((v: Tensor) => v.detach().mul(v))(w)
      .sum()
      .backward()
    expect(await w.grad!.numbers()).toEqual([1, 2, 3])
    const cut = noGrad(() => vmap(grad((v: Tensor) => v.pow(3)))(w))
    expect(cut.requiresGrad).toBe(false)
    expect(await cut.numbers()).toEqual([3, 12, 27])
  })
})

describe('random numbers', () => {
  const rows = async (x: Tensor): Promise<string[]> => ((await x.toArray()) as number[][]).map(r => r.join())
  const ones = (): Tensor => tensor(new Float32Array(5 * 64).fill(1), [5, 64])

  onEachDevice('differ from example to example, unless they are asked to be the same', async () => {
    const f = (x: Tensor): Tensor => dropout(x, 0.5)
    expect(new Set(await rows(vmap(f)(ones()))).size).toBe(5)
    expect(new Set(await rows(vmap(f, { randomness: 'same' })(ones()))).size).toBe(1)
    expect(new Set(await rows(vmap((_: Tensor) => rand([8]))(ones()))).size).toBe(5)
    expect(new Set(await rows(vmap(() => bernoulli([40], 0.5).to('f32'), { size: 4 })())).size).toBe(4)
  })
  onEachDevice('drawn outside are shared', async () => {
    const noise = rand([64])
    expect(new Set(await rows(vmap((x: Tensor) => x.mul(noise))(ones()))).size).toBe(1)
  })
  onEachDevice('are those of the forward pass in a gradient', async () => {
    const x = randn([4, 32]).keep()
    const f = (v: Tensor): Tensor =>
      dropout(v, 0.5, { generator: new Generator(3) })
        .square()
        .sum()
    const [value, g] = vmap(valueAndGrad(f))(x)
    const [v, gs] = (await readAll([value, g, x])).map(t => Array.from(t as Float32Array))
    const xs = await x.numbers()
    // f = sum of 4 x^2 over what was kept, so that g = 8 x there
    const kept = gs.map((d, i) => (d === 0 ? 0 : 4 * xs[i] ** 2))
    expectClose(
      v,
      [0, 1, 2, 3].map(r => kept.slice(32 * r, 32 * r + 32).reduce((a, b) => a + b)),
      single,
      'values',
    )
    expect(gs.some(d => d === 0)).toBe(true)
  })
  onEachDevice('under a key of each example are those the example would draw alone', async () => {
    const bits = (key: Tensor): Tensor =>
      apply('randomBits', [key, key.mul(0), key.add(7)], undefined, [2, 3], key.engine)
    const keys = tensor(Uint32Array.from([5, 0xffffffff, 17]), [3])
    expect(await vmap(bits)(keys).toArray()).toEqual(await stack([0, 1, 2].map(i => bits(keys.select(0, i)))).toArray())
  })
})

describe('what is refused, by name', () => {
  const x = (): Tensor => tensor([[1, 2], [3, 4]], { device: 'reference' }) // biome-ignore format: a matrix
  const w = (): Tensor => tensor([0, 0], { device: 'reference', requiresGrad: true })
  const inside = /is not possible inside of (vmap|grad|jvp), whose function must be pure/
  const effects: [string, (v: Tensor) => unknown][] = [
    ['assign', v => w().assign(v.detach())],
    ['backward', v => v.mul(w()).sum().backward()],
    ['data', v => v.data()],
    ['item', v => v.item()],
    ['toArray', v => v.toArray()],
    ['numbers', v => v.numbers()],
    ['realize', v => realize(v)],
    ['readAll', v => readAll([v])],
    ['own', v => v.detach().mul(2).own()],
    ['own', v => (v.detach().mul(2).requiresGrad = true)],
  ]
  for (const [name, effect] of effects)
    test(`${name} inside of vmap, grad and jvp`, () => {
      const f = (v: Tensor): Tensor => {
        effect(v)
        return v.sum()
      }
      const all = [() => vmap(f)(x()), () => grad(f)(x()), () => jvp(f, [x()], [x()])]
      for (const run of all) {
        expect(run).toThrow(inside)
        expect(run).toThrow(TransformError)
        expect(run).toThrow(new RegExp(`^${name}: `))
      }
    })
  test('a Promise', () => {
    const f = async (v: Tensor): Promise<Tensor> => {
      await v.data()
      return v
    }
    for (const run of [() => vmap(f)(x()), () => grad(f as never)(x()), () => jvp(f, [x()], [x()])])
      expect(run).toThrow(/the callback returned a Promise/)
  })
  test('a value of one example that has left', async () => {
    await setDefaultDevice('reference')
    let left = x()
    vmap((v: Tensor) => (left = v.mul(2)))(x())
    await expect(left.data()).rejects.toThrow(
      /^vmap: a value of one example has left the function; return it as a result/,
    )
    const target = tensor([0, 0])
    target.assign(left)
    await expect(realize()).rejects.toThrow(/a value of one example has left/)
    expect(await target.numbers()).toEqual([0, 0])
  })
  test('keep and clone inside are no effect', async () => {
    const out = vmap((v: Tensor) => v.clone().keep().mul(2))(x())
    expect(await out.toArray()).toEqual([[2, 4], [6, 8]]) // biome-ignore format: a matrix
  })
  const mistakes: [string, () => unknown, RegExp][] = [
    ['sizes that differ', () => vmap((a: Tensor, b: Tensor) => a.add(b))(x(), tensor([1, 2, 3], { device: 'reference' })), /^vmap: arguments have different numbers of examples: 2 by \[0\], 3 by \[1\]/],
    ['an axis that is not there', () => vmap((a: Tensor) => a, { inAxes: 2 })(x()), /^vmap: argument \[0\] has no axis 2 \(shape \[2, 2\]\)/],
    ['no example at all', () => vmap((a: Tensor) => a, { inAxes: null })(x()), /^vmap: no argument has examples; name an axis in inAxes, or the size/],
    ['another number of axes', () => vmap((a: Tensor) => a, { inAxes: [0, 0] })(x()), /^vmap: 2 axes in inAxes for 1 arguments/],
    ['axes in another structure', () => vmap((a: { w: Tensor }) => a.w, { inAxes: [{ v: 0 }] } as VmapOptions)({ w: x() }), /^vmap: the axes do not have the structure of the values at \[0\]\.w/],
    ['null for what differs', () => vmap((a: Tensor) => [a, a], { outAxes: [0, null] })(x()), /^vmap: result \[1\] differs from example to example/],
    ['a result axis that is not there', () => vmap((a: Tensor) => a.sum(), { outAxes: 1 })(x()), /^vmap: result 0 cannot have its examples along axis 1 \(shape \[2\]\)/],
  ] // biome-ignore format: one case a line
  for (const [name, run, message] of mistakes) test(name, () => expect(run).toThrow(message))
})
