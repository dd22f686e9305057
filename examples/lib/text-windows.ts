// Random windows of a long list of ids, as training on text takes them.
import { type Generator, type Tensor, tensor } from '@cairn/tensor'

export interface Batch {
  /** ids [batch, context] and those that follow them */
  readonly x: Tensor
  readonly y: Tensor
}

/** `batch` windows of `context` ids; where they begin is drawn from `generator`, whose state is the loader's position. */
export function randomWindows(ids: Int32Array, batch: number, context: number, generator: Generator): Batch {
  return windowsAt(
    ids,
    Array.from({ length: batch }, () => generator.integer(ids.length - context)),
    context,
  )
}

/** The same windows each time, spread evenly, for measuring. */
export function* evenWindows(ids: Int32Array, batch: number, context: number, batches: number): Generator_<Batch> {
  const count = batch * batches
  const step = (ids.length - context - 1) / Math.max(1, count - 1)
  for (let i = 0; i < count; i += batch)
    yield windowsAt(
      ids,
      Array.from({ length: batch }, (_, j) => Math.floor((i + j) * step)),
      context,
    )
}
type Generator_<T> = globalThis.Generator<T>

function windowsAt(ids: Int32Array, starts: readonly number[], context: number): Batch {
  const rows = new Int32Array(starts.length * (context + 1))
  starts.forEach((start, i) => {
    rows.set(ids.subarray(start, start + context + 1), i * (context + 1))
  })
  const both = tensor(rows, [starts.length, context + 1])
  return { x: both.narrow(1, 0, context), y: both.narrow(1, 1, context) }
}
