// Reading and writing at indices that are data. `gather` and `scatter` follow torch.gather and torch.scatter (along one axis, index
// shaped like the result or the updates). Compiled devices clamp an index into the axis so that no kernel leaves its
// memory; the evaluator, the CPU and a GPU in debug mode check it and name it.

import { isInteger } from '../dtype.ts'
import { DTypeError, IndexError, listed, ShapeError } from '../errors.ts'
import { k } from '../ops/operand.ts'
import { sizeOf } from '../shape.ts'
import type { Primitive, Typed } from './types.ts'

function checkIndex(op: string, x: Typed, index: Typed, axis: number): void {
  if (!isInteger(index.dtype))
    throw new DTypeError(op, `the index must be an integer tensor, not ${index.dtype}; convert with .to('i32')`)
  if (x.shape.length !== index.shape.length || index.shape.some((n, d) => d !== axis && n > x.shape[d]))
    throw new ShapeError(op, `index ${listed(index.shape)} does not fit ${listed(x.shape)} outside of axis ${axis}`)
  if (x.shape[axis] === 0 && sizeOf(index.shape) > 0)
    throw new IndexError(op, `axis ${axis} is empty: no index is inside`)
}

/** out[i][j] = x[index[i][j]][j] for axis 0, and so on. */
const gather: Primitive = {
  family: 'indexing',
  infer([x, index], { axis }) {
    checkIndex('gather', x, index, axis!)
    return { shape: index.shape, dtype: x.dtype }
  },
  vjp: (g, [x, index], _, { axis }) => [x.zerosLike().scatterAdd(axis!, index, g), null],
}

/** A copy of x in which `updates` are put ('set', the last one wins), added ('add'), or compared ('max', 'min') at the index along `axis`. */
const scatter: Primitive = {
  family: 'indexing',
  infer([x, index, updates], { axis }) {
    checkIndex('scatter', x, index, axis!)
    if (index.shape.some((n, d) => n !== updates.shape[d]))
      throw new ShapeError('scatter', `updates ${listed(updates.shape)} and index ${listed(index.shape)} differ`)
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
}

export const indexing = { gather, scatter }
