// A module as a function of its tensors: under grad, vmap and both, against loops over modules; what is put back, and what is refused.

import { grad, hvp, jvp, randn, readAll, stack, type Tensor, tensor, vmap, zeros } from '@cairn/tensor'
import { describe, expect, test } from 'vitest'
import { onEachDevice } from '../../tensor/src/testing/devices.ts'
import { Dropout, Embedding, functionalCall, LayerNorm, Linear, Module, mseLoss, ReLU, Sequential } from './index.ts'

class Net extends Module {
  layers = new Sequential(new Linear(4, 8), new ReLU(), new LayerNorm(8))
  heads = [new Linear(8, 2), new Linear(8, 2)]
  forward(x: Tensor): Tensor {
    const h = this.layers.forward(x)
    return this.heads[0].forward(h).add(this.heads[1].forward(h))
  }
}

const params = (m: Module): Record<string, Tensor> => Object.fromEntries(m.namedParameters())

async function same(got: readonly Tensor[], want: readonly Tensor[]): Promise<void> {
  expect(got.map(t => t.shape)).toEqual(want.map(t => t.shape))
  const values = await readAll([...got, ...want])
  got.forEach((_, i) => {
    const [a, b] = [values[i], values[i + got.length]]
    for (let j = 0; j < b.length; j++) expect(Number(a[j])).toBeCloseTo(Number(b[j]), 4)
  })
}

describe('functionalCall', () => {
  onEachDevice('runs with the given tensors and leaves the module as it was', async () => {
    const [a, b, x] = [new Net(), new Net(), randn([3, 4]).keep()]
    const before = a.stateDict()
    await same([functionalCall(a, b.stateDict(), x)], [b.forward(x)])
    expect([...a.stateDict()]).toEqual([...before])
    const some = { 'heads.1.bias': tensor([100, 200]) }
    await same(
      [functionalCall(a, some, x)],
      [
        a
          .forward(x)
          .sub(a.heads[1].bias!)
          .add(tensor([100, 200])),
      ],
    )
  })

  onEachDevice('gradients by name are those of backward', async () => {
    const [model, x, y] = [new Net(), randn([3, 4]).keep(), randn([3, 2]).keep()]
    const loss = (p: Record<string, Tensor>): Tensor => mseLoss(functionalCall(model, p, x), y)
    const found = grad(loss)(params(model))
    mseLoss(model.forward(x), y).backward()
    await same(
      model.namedParameters().map(([name]) => found[name]),
      model.parameters().map(p => p.grad!),
    )
    // a Map will do, and derivatives of derivatives
    const direction = new Map([...model.stateDict()].map(([name, t]) => [name, randn(t.shape).keep()]))
    const slope = jvp(
      (p: Map<string, Tensor>) =>
        grad((q: Map<string, Tensor>) => mseLoss(functionalCall(model, q, x), y))(p).get('heads.0.weight')!,
      [model.stateDict()],
      [direction],
    )[1]
    const product = hvp(
      (q: Map<string, Tensor>) => mseLoss(functionalCall(model, q, x), y),
      model.stateDict(),
      direction,
    )
    await same([slope], [product.get('heads.0.weight')!])
  })

  onEachDevice('a gradient for each example, and an ensemble, without a loop', async () => {
    const [model, xs, ys] = [new Net(), randn([5, 4]).keep(), randn([5, 2]).keep()]
    const loss = (p: Record<string, Tensor>, x: Tensor, y: Tensor): Tensor => mseLoss(functionalCall(model, p, x), y)
    const each = vmap(grad(loss), { inAxes: [null, 0, 0] })(params(model), xs, ys)
    const looped = [0, 1, 2, 3, 4].map(i => grad(loss)(params(model), xs.select(0, i), ys.select(0, i)))
    const names = Object.keys(params(model))
    await same(
      names.map(n => each[n]),
      names.map(n => stack(looped.map(g => g[n]))),
    )
    const models = [new Net(), new Net(), new Net()]
    const stacked = Object.fromEntries(names.map(n => [n, stack(models.map(m => params(m)[n]))]))
    const all = vmap((p: Record<string, Tensor>) => functionalCall(model, p, xs))(stacked)
    await same([all], [stack(models.map(m => m.forward(xs)))])
  })

  onEachDevice('embeddings and dropout under vmap', async () => {
    const table = new Embedding(10, 6)
    const ids = tensor([[1, 2, 3], [9, 0, 1]], { dtype: 'i32' }) // biome-ignore format: rows
    await same([vmap((i: Tensor) => table.forward(i))(ids)], [table.forward(ids)])
    const dropped = vmap((x: Tensor) => new Dropout(0.5).forward(x))(zeros([4, 50]).add(1))
    const rows = (await dropped.toArray()) as number[][]
    expect(new Set(rows.map(r => r.join())).size).toBe(4)
  })

  test('a tied tensor is replaced under all its names; mistakes', () => {
    const model = new Net()
    model.heads[1].weight = model.heads[0].weight
    const seen: Tensor[] = []
    const other = zeros([2, 8])
    const spy = Object.assign(model, {
      forward: (x: Tensor) => {
        seen.push(model.heads[0].weight, model.heads[1].weight)
        return x
      },
    })
    functionalCall(spy, { 'heads.0.weight': other }, zeros([1, 4]))
    expect(seen).toEqual([other, other])
    expect(model.heads[0].weight).not.toBe(other)
    expect(() => functionalCall(new Net(), { nothing: other }, zeros([1, 4]))).toThrow(
      /^functionalCall: Net has no tensor nothing; see stateDict\(\)/,
    )
    expect(() => functionalCall(new Net(), { 'heads.0.bias': other }, zeros([1, 4]))).toThrow(
      /^functionalCall: heads\.0\.bias is \[2\] in the module and \[2, 8\] here/,
    )
    const failing = new Net()
    failing.heads.pop()
    const weight = failing.heads[0].weight
    expect(() => functionalCall(failing, { 'heads.0.weight': other }, zeros([1, 4]))).toThrow()
    expect(failing.heads[0].weight).toBe(weight)
  })
})
