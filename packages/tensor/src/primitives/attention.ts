// Scaled dot-product attention and its gradients as primitives, so that compiled devices run them in blocks with memory linear in the
// length (T. Dao et al., "FlashAttention", 2022). The weights are never a value of the graph: the backward pass makes them again from the
// logarithm of each row's sum. Second derivatives go through the composition below, whose memory is that of the scores.
//
// Axes: b batch, i query, j key, n head of keys, g query head that shares it, d width, e width of values.
// Sources: q [b,i,n,g,d], k [b,j,n,d], v [b,j,n,e], scale [], then what `mode` names, in this order:
// 's' starts and 'e' ends, i32 [b,i]: a query sees the keys in [start, end); 'm' mask [b,n,g,i,j], added to the scores.
// Gradients have g [b,i,n,g,e], lse and delta [b,i,n,g] as further sources.

import type { Attributes } from '../graph/node.ts'
import {
  type AttentionReads,
  type AttentionSizes,
  attentionForward,
  attentionGradients,
} from '../kernel/attention-loops.ts'
import { positions } from '../ops/build.ts'
import { stridesOf } from '../shape.ts'
import { apply, type Tensor } from '../tensor.ts'
import { type AttentionSources, attentionSources } from './attention-sources.ts'
import { type BatchRule, everyExample, exampleShape, oneByOne } from './batching.ts'
import type { Primitive, Typed, Value } from './types.ts'

function sizesOf({ q, k, v }: AttentionSources<Typed>): AttentionSizes {
  const [batch, query, head, group, width] = q.shape
  return { batch, head, group, query, key: k.shape[1], width, out: v.shape[3] }
}

const at = (x: Value) => {
  const strides = stridesOf(x.shape)
  return (...place: readonly number[]): number => x.data[place.reduce((sum, n, d) => sum + n * strides[d], 0)]
}
const into = (x: Value) => {
  const strides = stridesOf(x.shape)
  return (value: number, ...place: readonly number[]): void => {
    x.data[place.reduce((sum, n, d) => sum + n * strides[d], 0)] = value
  }
}
const reads = (s: AttentionSources<Value>): AttentionReads => ({
  q: at(s.q),
  k: at(s.k),
  v: at(s.v),
  scale: s.scale.data[0],
  starts: s.starts && at(s.starts),
  ends: s.ends && at(s.ends),
  mask: s.mask && at(s.mask),
})

/** The scores [b,n,g,i,j]. */
function scoresOf(q: Tensor, k: Tensor, { scale, starts, ends, mask }: AttentionSources<Tensor>): Tensor {
  const [b, i, n, g, d] = q.shape
  const j = k.shape[1]
  const rows = q.permute([0, 2, 3, 1, 4]).reshape([b, n, g * i, d])
  let s = rows
    .matmul(k.permute([0, 2, 3, 1]))
    .reshape([b, n, g, i, j])
    .mul(scale)
  if (mask) s = s.add(mask)
  const column = positions([j], 0, q.engine)
  const row = (x: Tensor) => x.reshape([b, 1, 1, i, 1])
  if (ends) s = s.where(column.lt(row(ends)), -Infinity)
  if (starts) s = s.where(column.ge(row(starts)), -Infinity)
  return s
}
/** [b,i,n,g] against [b,n,g,i,j] */
const perRow = (x: Tensor): Tensor => x.permute([0, 2, 3, 1]).unsqueeze(-1)

const noMore = (sources: readonly Tensor[], parts: readonly Tensor[]): (Tensor | null)[] =>
  sources.map((_, i) => parts[i] ?? null)

/** Examples are further rows of the batch. */
const moreRows: BatchRule = batch => {
  const { size, sources, shape, again } = batch
  if (sources[3].batched) return oneByOne(batch)
  const rows = sources.map((source, i) => {
    if (i === 3) return source.value
    const [b, ...rest] = exampleShape(source)
    return everyExample(source, size).reshape([size * b, ...rest])
  })
  return again(rows).reshape([size, ...shape])
}

/** [b,i,n,g,e] */
const forward: Primitive = {
  family: 'attention',
  infer([q, , v]) {
    return { shape: [...q.shape.slice(0, 4), v.shape[3]], dtype: q.dtype }
  },
  vjp(g, sources, out, { mode }) {
    const lse = apply('attentionLse', sources, { mode })
    const delta = g.mul(out).sum(-1)
    const of = [...sources, g, lse, delta]
    return noMore(
      sources,
      [0, 1, 2].map(axis => apply('attentionGrad', of, { mode, axis })),
    )
  },
  batch: moreRows,
  evaluate(sources, out, { mode }) {
    const named = attentionSources(sources, mode!)
    attentionForward(sizesOf(named), reads(named), into(out), null)
  },
}

/** The logarithm of each row's sum of exponentials, [b,i,n,g]; Infinity where a row sees no key. */
const lse: Primitive = {
  family: 'attention',
  infer: ([q]) => ({ shape: q.shape.slice(0, 4), dtype: q.dtype }),
  vjp(g, sources, out, { mode }) {
    const named = attentionSources(sources, mode!)
    const [b, i, n, group, d] = named.q.shape
    const p = scoresOf(named.q, named.k, named).sub(perRow(out)).exp()
    const ds = p
      .mul(perRow(g))
      .mul(named.scale)
      .reshape([b, n, group * i, -1])
    const rows = named.q.permute([0, 2, 3, 1, 4]).reshape([b, n, group * i, d])
    return noMore(sources, [
      ds
        .matmul(named.k.permute([0, 2, 1, 3]))
        .reshape([b, n, group, i, d])
        .permute([0, 3, 1, 2, 4]),
      ds.transpose(-1, -2).matmul(rows).permute([0, 2, 1, 3]),
    ])
  },
  batch: moreRows,
  evaluate(sources, out, { mode }) {
    const named = attentionSources(sources, mode!)
    attentionForward(sizesOf(named), reads(named), null, into(out))
  },
}

/** The gradient of q (axis 0), k (1) or v (2). */
const gradient: Primitive = {
  family: 'attention',
  infer: (sources, { axis }) => ({ shape: sources[axis!].shape, dtype: sources[axis!].dtype }),
  vjp(upper, sources, _, { mode, axis }) {
    const named = attentionSources(sources, mode!)
    const { q, k, v, scale } = named
    const [g, rowLse, delta] = named.rest
    const [b, i, n, group, d] = q.shape
    const [, j, , e] = v.shape
    const rows = (x: Tensor, width: number) => x.permute([0, 2, 3, 1, 4]).reshape([b, n, group * i, width])
    const columns = (x: Tensor) => x.permute([0, 2, 1, 3])
    const likeRows = (x: Tensor, width: number) => x.reshape([b, n, group, i, width]).permute([0, 3, 1, 2, 4])
    const turn = (x: Tensor) => x.transpose(-1, -2)
    const [Q, K, V, G] = [rows(q, d), columns(k), columns(v), rows(g, e)]
    const p = scoresOf(q, k, named)
      .sub(perRow(rowLse))
      .exp()
      .reshape([b, n, group * i, j])
    const results = new Map<Tensor, Tensor>()
    /** gradients of q and k that do not come through the scores, and that of p */
    let [ofQ, ofK]: (Tensor | null)[] = [null, null]
    let ofP: Tensor
    if (axis === 2) {
      const u = columns(upper)
      ofP = G.matmul(turn(u))
      results.set(g, likeRows(p.matmul(u), e))
    } else {
      const slope = G.matmul(turn(V)).sub(perRow(delta).reshape([b, n, group * i, 1]))
      const ds = p.mul(slope).mul(scale)
      const u = axis === 0 ? rows(upper, d) : columns(upper)
      const ofSlopes = (axis === 0 ? u.matmul(turn(K)) : Q.matmul(turn(u))).mul(scale)
      if (axis === 0) ofK = turn(ds).matmul(u)
      else ofQ = ds.matmul(u)
      ofP = ofSlopes.mul(slope)
      const ofProduct = ofSlopes.mul(p)
      results.set(g, likeRows(ofProduct.matmul(V), e))
      results.set(v, columns(turn(ofProduct).matmul(G)))
      results.set(delta, likeRows(ofProduct.sum(-1, { keepDim: true }).neg(), 1).squeeze(-1))
    }
    const ofScores = ofP.mul(p)
    results.set(rowLse, likeRows(ofScores.sum(-1, { keepDim: true }).neg(), 1).squeeze(-1))
    const add = (x: Tensor, more: Tensor | null) => (more ? x.add(more) : x)
    results.set(q, likeRows(add(ofScores.matmul(K).mul(scale), ofQ), d))
    results.set(k, columns(add(turn(ofScores).matmul(Q).mul(scale), ofK)))
    return sources.map(s => results.get(s) ?? null)
  },
  batch: moreRows,
  evaluate(sources, out, attributes: Attributes) {
    const named = attentionSources(sources, attributes.mode!)
    const [g, rowLse, delta] = named.rest
    const to = (axis: number) => (attributes.axis === axis ? into(out) : null)
    const x = { ...reads(named), g: at(g), lse: at(rowLse), delta: at(delta) }
    attentionGradients(sizesOf(named), x, to(0), to(1), to(2))
  },
}

export const attention = { attention: forward, attentionLse: lse, attentionGrad: gradient }
