// Attention, whose derivative is written out, in every transform: against the same formula of small ops.

import { grad, hvp, jit, jvp, randn, readAll, stack, type Tensor, vmap } from '@cairn/tensor'
import { expect } from 'vitest'
import { onEachDevice } from '../../../tensor/src/testing/devices.ts'
import { scaledDotProductAttention } from './attention.ts'

/** causal attention of [heads, time, width] by its parts */
function byParts(q: Tensor, k: Tensor, v: Tensor): Tensor {
  const time = q.shape[q.ndim - 2]
  const scores = q.matmul(k.transpose(-1, -2)).mul(1 / Math.sqrt(q.shape[q.ndim - 1]))
  const mask = scores.onesLike().tril().eq(0)
  expect(time).toBe(k.shape[k.ndim - 2])
  return scores.maskedFill(mask, -1e9).softmax(-1).matmul(v)
}
const attention = (q: Tensor, k: Tensor, v: Tensor): Tensor =>
  scaledDotProductAttention(q.unsqueeze(0), k.unsqueeze(0), v.unsqueeze(0), { causal: true }).squeeze(0)

type Attend = typeof attention

async function same(got: readonly Tensor[], want: readonly Tensor[]): Promise<void> {
  expect(got.map(t => t.shape)).toEqual(want.map(t => t.shape))
  const values = await readAll([...got, ...want])
  got.forEach((_, i) => {
    const [a, b] = [values[i], values[i + got.length]]
    for (let j = 0; j < b.length; j++) expect(Math.abs(Number(a[j]) - Number(b[j])), `result ${i}`).toBeLessThan(2e-4)
  })
}

onEachDevice('vmap, grad, jvp and hvp of attention, nested', async device => {
  const shape = [2, 5, 4]
  const [q, k, v, t] = [0, 1, 2, 3].map(() => randn(shape).keep())
  const qs = randn([3, ...shape]).keep()
  const weight = randn(shape).keep()
  const all = (attend: Attend): Tensor[] => {
    const loss = (x: Tensor, y: Tensor, z: Tensor): Tensor => attend(x, y, z).mul(weight).sum()
    return [
      attend(q, k, v),
      ...grad(loss, { argnums: [0, 1, 2] })(q, k, v),
      jvp(attend, [q, k, v], [t, t, t])[1],
      vmap(attend, { inAxes: [0, null, null] })(qs, k, v),
      vmap(grad(loss, { argnums: [0, 1, 2] }), { inAxes: [null, 0, null] })(q, qs, v)[1],
      ...(device === 'webgpu' ? [] : [hvp((x: Tensor) => attend(x, x, v).mul(weight).sum(), q, t)]),
      ...(device === 'webgpu'
        ? []
        : [vmap((x: Tensor) => hvp((y: Tensor) => attend(y, k, y).mul(weight).sum(), x, t))(qs)]),
    ]
  }
  await same(all(attention), all(byParts))
})

onEachDevice('a jitted function of transforms, call after call', async () => {
  const [k, v] = [randn([2, 5, 4]).keep(), randn([2, 5, 4]).keep()]
  const slope = grad((q: Tensor) => attention(q, k, v).square().sum())
  const fast = jit((qs: Tensor) => vmap(slope)(qs))
  for (let call = 0; call < 5; call++) {
    const qs = randn([3, 2, 5, 4]).keep()
    await same([fast(qs)], [stack([0, 1, 2].map(i => slope(qs.select(0, i))))])
  }
})
