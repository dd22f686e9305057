import { expect, test } from 'vitest'
import {
  checkpoint,
  dropout,
  grad,
  hessian,
  jvp,
  manualSeed,
  randn,
  readAll,
  type Tensor,
  tensor,
  vmap,
} from '../index.ts'
import { expectClose } from '../testing/close.ts'
import { onEachDevice } from '../testing/devices.ts'

/** Four layers over [32, 64] with a residual, a norm, a product, dropout and a softmax. */
function network(leaves: readonly Tensor[], x: Tensor, saving: boolean): Tensor {
  const layer = (w: Tensor) => (x: Tensor) => {
    const normed = x.sub(x.mean(-1, { keepDim: true })).div(x.std(-1, { keepDim: true }).add(1e-5))
    return x.add(dropout(normed.matmul(w).gelu(), 0.3).mul(normed.softmax(-1)))
  }
  for (const w of leaves) x = saving ? checkpoint(layer(w), x) : layer(w)(x)
  return x
}

async function gradientsOf(saving: boolean): Promise<Float32Array[]> {
  manualSeed(3)
  const leaves = [1, 2, 3, 4].map(() => randn([64, 64]).mul(0.1).detach())
  const x = randn([32, 64]).detach()
  for (const t of [...leaves, x]) t.requiresGrad = true
  const out = network(leaves, x, saving)
  out.square().sum().backward()
  return (await readAll([out, x.grad!, ...leaves.map(w => w.grad!)])) as Float32Array[]
}

onEachDevice(
  'gradients are those without it, dropout included: bit for bit, but for how a compiler groups sums',
  async device => {
    const plain = await gradientsOf(false)
    const saved = await gradientsOf(true)
    for (const [i, values] of saved.entries()) {
      if (device === 'reference') expect(values).toEqual(plain[i])
      const most = plain[i].reduce((m, x) => Math.max(m, Math.abs(x)), 0)
      expect(values.every((x, j) => Math.abs(x - plain[i][j]) <= 2e-6 * most)).toBe(true)
    }
  },
)

onEachDevice('through grad, second derivatives and checkpoints in checkpoints', async () => {
  const results: number[][] = []
  for (const wrap of [(f: (x: Tensor) => Tensor) => f, (f: (x: Tensor) => Tensor) => (x: Tensor) => checkpoint(f, x)]) {
    const x = tensor([0.3, -0.7, 1.1])
    const w = tensor([2, -1, 0.5])
    for (const t of [x, w]) t.requiresGrad = true
    const inner = wrap(y => y.mul(w).tanh())
    const y = wrap(x => inner(x).add(inner(x.square())).softmax(-1))(x)
    const [gx, gw] = grad(y.square().sum(), [x, w], { createGraph: true })
    const second = grad(gx.square().sum().add(gw.sum()), [x, w])
    const read = await readAll([gx, gw, ...second])
    results.push(read.flatMap(v => [...(v as Float32Array)]))
  }
  results[1].forEach((v, i) => void expect(v).toBeCloseTo(results[0][i], 5))
})

onEachDevice(
  'inside vmap, jvp and their nestings it is the function without it',
  async () => {
    const w = tensor([2, -1, 0.5])
    const plain = (x: Tensor): Tensor => x.mul(w).tanh().cumsum(-1).softmax(-1)
    const saving = (x: Tensor): Tensor => checkpoint((y: Tensor) => checkpoint((z: Tensor) => z.mul(w).tanh(), y).cumsum(-1).softmax(-1), x) // biome-ignore format: one line
    const x = tensor([0.3, -0.7, 1.1])
    const rows = tensor([[0.3, -0.7, 1.1], [0.1, 0.2, -0.4]]) // biome-ignore format: rows
    const along = tensor([1, 0.5, -2])
    const last = (f: (x: Tensor) => Tensor) => (x: Tensor) => f(x).square().select(-1, 0)
    const uses: ((f: (x: Tensor) => Tensor) => Tensor)[] = [
      f => vmap(f)(rows),
      f => jvp(f, [x], [along])[1],
      f => grad(last(f))(x),
      f => vmap(grad(last(f)))(rows),
      f => grad((r: Tensor) => vmap(f)(r).square().sum())(rows),
      f => jvp(grad(last(f)), [x], [along])[1],
      f => jvp((r: Tensor) => vmap(f)(r), [rows], [rows.cos()])[1],
      f => vmap((r: Tensor) => jvp(f, [r], [along])[1])(rows),
      f => hessian(last(f))(x),
    ]
    for (const [i, use] of uses.entries())
      expectClose(
        await use(saving).numbers(),
        await use(plain).numbers(),
        { absolute: 1e-6, relative: 1e-5 },
        `use ${i}`,
      )
  },
  { on: ['reference', 'wasm'] },
)

test('what it wraps returns one tensor', () => {
  expect(() => checkpoint((async (x: Tensor) => x) as never, tensor(1))).toThrow('one tensor')
})
