// Ops of the user's own: the kernel on WebGPU, the plain form elsewhere, on both the same numbers, in every transform, with the rest of the graph
// around; and what is refused.

import { describe, expect, test } from 'vitest'
import { customOp, grad, hessian, jvp, randn, readAll, realize, type Tensor, tensor, vmap } from '../index.ts'
import { expectClose } from '../testing/close.ts'
import { onEachDevice } from '../testing/devices.ts'
import { countLaunches } from '../testing/work.ts'

const softsign = customOp<[Tensor]>({
  name: 'softsign',
  inputs: ['x'],
  infer: x => x,
  wgsl: 'fn kernel(i: u32) { out[i] = x[i] / (1 + abs(x[i])); }',
  fallback: x => x.div(x.abs().add(1)),
  derivative: (g, [x]) => [g.div(x.abs().add(1).square())],
})

/** rows of x times a weight each, summed: a kernel for a row, with two operands, its derivative that of the fallback */
const weightedRows = customOp<[Tensor, Tensor]>({
  name: 'weightedRows',
  inputs: ['x', 'weight'],
  infer: x => ({ shape: [...x.shape.slice(0, -1), 1], dtype: x.dtype }),
  each: 'row',
  wgsl: `
    fn kernel(row: u32) {
      let columns = x_shape[1];
      var sum = 0f;
      for (var j = 0u; j < columns; j++) { sum += x[row * columns + j] * weight[j]; }
      out[row] = sum;
    }`,
  fallback: (x, weight) => x.mul(weight).sum(-1, { keepDim: true }),
})

const softsignByHand = (x: Tensor): Tensor => x.div(x.abs().add(1))

async function same(got: readonly Tensor[], want: readonly Tensor[], what: string): Promise<void> {
  expect(got.map(t => t.shape), what).toEqual(want.map(t => t.shape)) // biome-ignore format: one line
  const values = await readAll([...got, ...want])
  got.forEach((_, i) =>
    expectClose(
      Array.from(values[i] as Float32Array),
      Array.from(values[got.length + i] as Float32Array),
      { absolute: 1e-5, relative: 1e-4 },
      `${what} ${i}`,
    ),
  )
}

describe('customOp', () => {
  onEachDevice('computes what its fallback computes, and one kernel is one launch', async device => {
    const x = randn([5, 7]).keep()
    await same([softsign(x), weightedRows(x, randn([7]).keep())].slice(0, 1), [softsignByHand(x)], 'value')
    if (device === 'reference') return
    await realize()
    expect(await countLaunches(device, () => softsign(x).data())).toBe(1)
  })

  onEachDevice('operands may be views, numbers and values that are computed on the way', async () => {
    const [x, w] = [randn([6, 4]).keep(), randn([3]).keep()]
    const rows = (v: Tensor): Tensor => weightedRows(v, w)
    const byHand = (v: Tensor): Tensor => v.mul(w).sum(-1, { keepDim: true })
    const views: [string, Tensor][] = [
      ['a slice', x.slice([1, 5], [1, null])],
      ['a transpose', x.slice([0, 3]).transpose(0, 1)],
      ['a sum', x.slice([0, 3]).transpose(0, 1).add(1)],
      ['an expanded number', tensor(2).expand([4, 3])],
      ['a product', x.matmul(randn([4, 3]).keep())],
      ['a reduction', x.unsqueeze(2).expand([6, 4, 3]).sum(1)],
      ['one of its own', softsign(x.slice([0, 4], [0, 3]))],
    ]
    for (const [name, v] of views)
      await same([rows(v), rows(v).exp().add(v)], [byHand(v), byHand(v).exp().add(v)], name)
    await same([weightedRows(x.slice([0, 3], [0, 3]), x.select(0, 0).slice([0, 3]))], [x.slice([0, 3], [0, 3]).mul(x.select(0, 0).slice([0, 3])).sum(-1, { keepDim: true })], 'twice') // biome-ignore format: one case
    expect((await softsign(tensor(3)).numbers())[0]).toBeCloseTo(0.75)
    expect(await softsign(tensor(new Float32Array(0), [0, 2])).numbers()).toEqual([])
  })

  onEachDevice('sizes that change from run to run', async () => {
    const w = randn([4]).keep()
    for (const n of [2, 3, 5, 8, 130]) {
      const x = randn([n, 4]).keep()
      await same(
        [weightedRows(x, w), softsign(x)],
        [x.mul(w).sum(-1, { keepDim: true }), softsignByHand(x)],
        `${n} rows`,
      )
    }
  })

  onEachDevice('a parameter is updated through it, step by step', async () => {
    const train = async (op: (x: Tensor) => Tensor): Promise<number[]> => {
      const w = tensor([0.5, -1, 2], { requiresGrad: true })
      for (let i = 0; i < 5; i++) {
        op(w).square().sum().backward()
        w.assign(w.sub(w.grad!.mul(0.1)))
        w.zeroGrad()
        await realize()
      }
      return w.numbers()
    }
    expectClose(await train(softsign), await train(softsignByHand), { absolute: 1e-6, relative: 1e-5 }, 'weights')
  })

  onEachDevice('in every transform, nested', async device => {
    const [x, t] = [randn([4]).keep(), randn([4]).keep()]
    const [rows, w] = [randn([3, 4]).keep(), randn([4]).keep()]
    const all = (op: (v: Tensor) => Tensor): Tensor[] => [
      grad((v: Tensor) => op(v).square().sum())(x),
      jvp(op, [x], [t])[1],
      vmap(op)(rows),
      vmap(grad((v: Tensor) => op(v).square().sum()))(rows),
      grad((r: Tensor) => vmap(op)(r).square().sum())(rows),
      ...(device === 'webgpu'
        ? []
        : [hessian((v: Tensor) => op(v).square().sum())(x), vmap(hessian((v: Tensor) => op(v).sum()))(rows)]),
    ]
    await same(all(softsign), all(softsignByHand), 'softsign')
    const each = (v: Tensor): Tensor => weightedRows(v.unsqueeze(0), w).squeeze()
    const byHand = (v: Tensor): Tensor => v.mul(w).sum()
    await same(
      all(v => each(v).mul(v)),
      all(v => byHand(v).mul(v)),
      'weightedRows',
    )
    await same([grad((u: Tensor) => vmap((v: Tensor) => weightedRows(v.unsqueeze(0), u).squeeze())(rows).square().sum())(w)],
      [grad((u: Tensor) => rows.mul(u).sum(1).square().sum())(w)], 'a shared operand') // biome-ignore format: one case
  })

  onEachDevice('a rule for many examples runs the kernel for all of them', async device => {
    let asked = 0
    const cube: (x: Tensor) => Tensor = customOp<[Tensor]>({
      name: 'cube',
      inputs: ['x'],
      infer: x => x,
      wgsl: 'fn kernel(i: u32) { out[i] = x[i] * x[i] * x[i]; }',
      fallback: x => x.pow(3),
      vmap: (_, [x]) => {
        asked++
        return cube(x)
      },
    })
    expect(await vmap((v: Tensor) => cube(v).sum())(tensor([[1, 2], [3, 0]])).numbers()).toEqual([9, 27]) // biome-ignore format: a matrix
    expect(asked).toBe(device === 'webgpu' ? 1 : 0)
  })

  test('mistakes, by name', () => {
    const base = { name: 'mine', inputs: ['x'] as [string], infer: (x: { shape: readonly number[]; dtype: 'f32' | 'f16' }) => x, wgsl: 'fn kernel(i: u32) { out[i] = x[i]; }', fallback: (x: Tensor) => x } // biome-ignore format: one line
    const x = tensor([1, 2], { device: 'reference' })
    expect(() => customOp({ ...base, inputs: ['out'] } as never)).toThrow(
      /^mine: 'out' cannot be the name of an operand/,
    )
    expect(() => customOp({ ...base, wgsl: 'fn main() {}' } as never)).toThrow(
      /^mine: the WGSL must define fn kernel\(i: u32\)/,
    )
    const halves = customOp<[Tensor]>({ ...base, infer: () => ({ shape: [2], dtype: 'f16' }) } as never)
    expect(() => halves(x)).toThrow(
      /^mine: a kernel cannot give f16; give f32, i32, u32 or bool and convert with \.to\(\)/,
    )
    const other = customOp<[Tensor]>({ ...base, infer: () => ({ shape: [3], dtype: 'f32' }) } as never)
    expect(() => other(x)).toThrow(/^mine: the fallback gives \[2\] f32, infer says \[3\] f32/)
    expect(() => (other as (...xs: Tensor[]) => Tensor)(x, x)).toThrow(/^mine: takes 1 tensors \(x\), got 2/)
  })

  onEachDevice(
    'a text that does not compile names the op',
    async () => {
      const wrong = customOp<[Tensor]>({
        name: 'wrong',
        inputs: ['x'],
        infer: x => x,
        wgsl: 'fn kernel(i: u32) { out[i] = nothing; }',
        fallback: x => x,
      })
      await expect(wrong(tensor([1])).data()).rejects.toThrow(/the kernel does not compile: .*nothing.*wrong \[1\]/s)
    },
    { on: ['webgpu'] },
  )
})
