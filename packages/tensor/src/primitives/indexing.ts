// Reading and writing at indices that are data. `gather` and `scatter` follow torch.gather and torch.scatter (along one axis, index
// shaped like the result or the updates). Compiled devices clamp an index into the axis so that no kernel leaves its
// memory; the evaluator, the CPU and a GPU in debug mode check it and name it.

import { isInteger } from '../dtype.ts'
import { DTypeError, IndexError, outsideAxis, ShapeError } from '../errors.ts'
import { k } from '../ops/operand.ts'
import { sizeOf, stridesOf } from '../shape.ts'
import { moveAxis, shiftAxis } from './batching.ts'
import type { Primitive, Typed, Value } from './types.ts'

function checkIndex(op: string, x: Typed, index: Typed, axis: number): void {
  if (!isInteger(index.dtype))
    throw new DTypeError(op, `the index must be an integer tensor, not ${index.dtype}; convert with .to('i32')`)
  if (x.shape.length !== index.shape.length || index.shape.some((n, d) => d !== axis && n > x.shape[d]))
    throw new ShapeError(
      op,
      `index [${index.shape.join(', ')}] does not fit [${x.shape.join(', ')}] outside of axis ${axis}`,
    )
  if (x.shape[axis] === 0 && sizeOf(index.shape) > 0)
    throw new IndexError(op, `axis ${axis} is empty: no index is inside`)
}

/** Calls `at` with the flat position in the index and the flat position it points to in a tensor of `shape`. */
function eachIndex(
  op: string,
  index: Value,
  shape: readonly number[],
  axis: number,
  at: (i: number, to: number) => void,
): void {
  const strides = stridesOf(shape)
  const place = new Array<number>(index.shape.length).fill(0)
  const total = sizeOf(index.shape)
  for (let i = 0; i < total; i++) {
    const pick = index.data[i]
    if (pick < 0 || pick >= shape[axis]) throw outsideAxis(op, axis, pick, shape[axis], { position: [...place] })
    let to = pick * strides[axis]
    for (let d = 0; d < place.length; d++) if (d !== axis) to += place[d] * strides[d]
    at(i, to)
    for (let d = place.length - 1; d >= 0; d--) {
      if (++place[d] < index.shape[d]) break
      place[d] = 0
    }
  }
}

/** out[i][j] = x[index[i][j]][j] for axis 0, and so on. */
const gather: Primitive = {
  family: 'indexing',
  infer([x, index], { axis }) {
    checkIndex('gather', x, index, axis!)
    return { shape: index.shape, dtype: x.dtype }
  },
  vjp: (g, [x, index], _, { axis }) => [x.zerosLike().scatterAdd(axis!, index, g), null],
  batch(batch) {
    const { size, sources, attributes, shape, again } = batch
    const [x, index] = sources
    if (x.batched) return shiftAxis(batch)
    // All examples pick from one table: more picks along the axis, so that its gradient is one table too and not one for each example.
    const axis = attributes.axis!
    const picks = moveAxis(index.value, 0, axis)
    const flat = shape.map((n, d) => (d === axis ? size * n : n))
    return moveAxis(again([x.value, picks.reshape(flat)]).reshape(picks.shape), axis, 0)
  },
  evaluate([x, index], out, { axis }) {
    eachIndex('gather', index, x.shape, axis!, (i, to) => {
      out.data[i] = x.data[to]
    })
  },
}

/** A copy of x in which `updates` are put ('set', the last one wins), added ('add'), or compared ('max', 'min') at the index along `axis`. */
const scatter: Primitive = {
  family: 'indexing',
  infer([x, index, updates], { axis }) {
    checkIndex('scatter', x, index, axis!)
    if (index.shape.some((n, d) => n !== updates.shape[d]))
      throw new ShapeError(
        'scatter',
        `updates [${updates.shape.join(', ')}] and index [${index.shape.join(', ')}] differ`,
      )
    if (x.dtype !== updates.dtype)
      throw new DTypeError(
        'scatter',
        `updates are ${updates.dtype}, the tensor is ${x.dtype}; convert with .to('${x.dtype}')`,
      )
    return { shape: x.shape, dtype: x.dtype }
  },
  vjp(g, [x, index, updates], out, { axis, mode }) {
    if (mode === 'add') return [g, null, g.gather(axis!, index)]
    if (mode === 'set') return [g.scatter(axis!, index, updates.zerosLike()), null, g.gather(axis!, index)]
    // 'max' and 'min': whoever holds the result shares its gradient evenly, as in torch
    const kept = x.eq(out)
    const won = updates.eq(out.gather(axis!, index))
    const winners = kept.to(g.dtype).scatterAdd(axis!, index, won.to(g.dtype))
    const share = g.div(winners)
    return [share.where(kept, k(0)), null, share.gather(axis!, index).where(won, k(0))]
  },
  batch: shiftAxis,
  evaluate([x, index, updates], out, { axis, mode }) {
    out.data.set(x.data)
    eachIndex('scatter', index, x.shape, axis!, (i, to) => {
      const old = out.data[to]
      const v = updates.data[i]
      out.data[to] =
        mode === 'set' ? v : mode === 'add' ? old + v : mode === 'max' ? Math.max(old, v) : Math.min(old, v)
    })
  },
}

export const indexing = { gather, scatter }
