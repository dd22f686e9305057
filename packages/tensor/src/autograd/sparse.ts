// Gradients of tables as the rows that were looked up. The graph has one form of them: a `shortcut` whose value is the dense gradient and whose
// other sources are what it is made of, so whoever wants a tensor has one, and what nobody reads is never computed. Repeated indices
// count together, as in torch's sparse tensors.

import { Node } from '../graph/node.ts'
import { within } from '../graph/scope.ts'
import type { Shape } from '../shape.ts'
import { apply, Tensor } from '../tensor.ts'

/** Rows of one lookup: i32 [n] and [n, ...]. */
export interface RowPart {
  readonly indices: Tensor
  readonly rows: Tensor
}

/** Names shortcuts that are rows of a table. */
const mode = 'rows'

/** A table of `shape` that is 0 but where rows were added to it; it remembers them. indices: i32 [n], rows: [n, ...shape.slice(1)] */
export function tableOf(shape: Shape, indices: Tensor, rows: Tensor): Tensor {
  const dense = (at: Tensor, values: Tensor): Tensor => {
    const zero = new Tensor(new Node('constant', [], [], values.dtype, values.engine, { value: 0 }))
    const base = apply(
      'expand',
      [
        apply(
          'reshape',
          [zero],
          undefined,
          shape.map(() => 1),
        ),
      ],
      undefined,
      shape,
    )
    const column = apply('reshape', [at], undefined, [at.size, ...shape.slice(1).map(() => 1)])
    const picks = apply('expand', [column], undefined, values.shape)
    return apply('scatter', [base, picks, values], { axis: 0, mode: 'add' })
  }
  const value = within('tableOf', { grad: false, internal: true }, () => dense(indices, rows))
  return apply('shortcut', [value, indices, rows], {
    mode,
    rule: (g, [at]) => [null, g.indexSelect(0, at)],
  })
}

/** The rows that a gradient is made of: one part for each lookup; null where it is anything else. */
export function rowParts(node: Node): RowPart[] | null {
  if (node.op === 'shortcut' && node.attributes.mode === mode && !node.alias) {
    const [, indices, rows] = node.sources
    return [{ indices: new Tensor(indices), rows: new Tensor(rows) }]
  }
  if (node.op !== 'add') return null
  const parts: RowPart[] = []
  for (const source of node.sources) {
    const own = rowParts(source)
    if (!own) return null
    parts.push(...own)
  }
  return parts
}

/**
 * A gradient of a table [count, ...] as rows: row `indices[i]` gets `rows[i]` added, all others are 0. What `sparseRows(p.grad)` gives after a
 * backward pass through a sparse lookup.
 */
export class SparseRows {
  /** of the table */
  readonly shape: Shape
  readonly #parts: readonly RowPart[]
  #joined: RowPart | null = null

  constructor(shape: Shape, parts: readonly RowPart[]) {
    this.shape = shape
    this.#parts = parts
  }
  /** i32 [n]; an index may stand there several times */
  get indices(): Tensor {
    return this.#all.indices
  }
  /** [n, ...]; those of the same index count together */
  get rows(): Tensor {
    return this.#all.rows
  }
  get #all(): RowPart {
    this.#joined ??=
      this.#parts.length === 1
        ? this.#parts[0]
        : {
            indices: apply(
              'cat',
              this.#parts.map(p => p.indices),
              { axis: 0 },
            ),
            rows: apply(
              'cat',
              this.#parts.map(p => p.rows),
              { axis: 0 },
            ),
          }
    return this.#joined
  }

  /** The same as a tensor of the table's shape, which stays sparse where it is assigned to `grad`. */
  toTensor(): Tensor {
    return this.#parts.map(p => tableOf(this.shape, p.indices, p.rows)).reduce((a, b) => apply('add', [a, b]))
  }
  /** Other values at the same indices; `change` must be linear where indices repeat, or come after `coalesce`. */
  map(change: (rows: Tensor) => Tensor): SparseRows {
    return new SparseRows(
      this.shape,
      this.#parts.map(p => ({ indices: p.indices, rows: change(p.rows) })),
    )
  }

  /** Each index in order with all that belongs to it in one row; where an index stands again, its row is 0. */
  coalesce(): SparseRows {
    const { sorted, sums } = this.#sums
    return new SparseRows(this.shape, [{ indices: sorted, rows: sums }])
  }
  /** Each row as the whole gradient of its index, also where the index stands again: what may be written in any order. */
  get whole(): RowPart {
    const { sorted, sums } = this.#sums
    return { indices: sorted, rows: sums.indexSelect(0, sorted.searchsorted(sorted)) }
  }
  /** An index's rows are added where its first occurrence in order stands. */
  get #sums(): { readonly sorted: Tensor; readonly sums: Tensor } {
    const { indices, rows } = this.#all
    const [sorted] = indices.sort(0)
    return { sorted, sums: rows.zerosLike().indexAdd(0, sorted.searchsorted(indices), rows) }
  }
}

/** The rows of a sparse gradient (`sparseRows(p.grad)`); null for any other tensor. */
export function sparseRows(x: Tensor): SparseRows | null {
  const parts = x.storage ? null : rowParts(x.node)
  return parts && new SparseRows(x.shape, parts)
}
