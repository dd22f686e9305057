// Where a leaf's gradient is collected: memory that persists, and whether it holds a gradient now. It is one tensor of the leaf's shape, or, while all that
// came were rows of a table (autograd/sparse.ts), the rows of each lookup in memory of their own.

import type { GradientForm, RowPlace } from '../graph/gradient-form.ts'
import type { Node } from '../graph/node.ts'
import type { Way } from '../graph/queue.ts'
import { state, within } from '../graph/scope.ts'
import { type Run, Storage } from '../graph/storage.ts'
import { apply, Tensor } from '../tensor.ts'
import { type RowPart, rowParts, SparseRows } from './sparse.ts'

/** Lengths of a lookup whose memory is kept for the next time. */
const lengthsKept = 4

const noRows: readonly RowPlace[] = []

/** Shared by all handles of a storage. */
export class Gradient {
  readonly #owner: Storage
  #storage: Storage | null = null
  #tensor: Tensor | null = null
  /** the version that began the gradient it holds; when that write was refused, there is no gradient */
  #first: Node | Run | null = null
  #rows: readonly RowPlace[] = noRows
  /** memory by the number of the lookup, the latest first */
  readonly #places: RowPlace[][] = []
  constructor(owner: Storage) {
    this.#owner = owner
  }

  get form(): GradientForm {
    if (!this.#first || this.#first.refused) return null
    if (this.#rows.length) return this.#rows
    // somebody may have disposed of the tensor that `grad` gave
    return this.#storage!.disposed ? null : 'dense'
  }
  get current(): Tensor | undefined {
    const { form } = this
    if (form === null) return undefined
    if (form === 'dense') return this.#tensor!
    const value = within('grad', { grad: false, internal: true }, () =>
      new SparseRows(
        this.#owner.shape,
        form.map(p => ({ indices: new Tensor(p.indices), rows: new Tensor(p.rows) })),
      ).toTensor(),
    )
    return new Tensor(value.node)
  }
  /** Adds to the gradient, or starts it. */
  accumulate(value: Tensor): void {
    const { form } = this
    const parts = rowParts(value.node)
    if (parts && form !== 'dense') this.#writeRows(parts, form ?? [], 'grad')
    else this.#write(form === null ? value : apply('add', [this.current!, value]), 'grad')
  }
  set(value: Tensor): void {
    const parts = value.storage ? null : rowParts(value.node)
    if (parts) this.#writeRows(parts, [], 'assign')
    else this.#write(value, 'assign')
  }
  clear(): void {
    const { form } = this
    state.trace?.gradient(this.#owner, form)
    if (!this.#first) return
    this.#first = null
    this.#rows = noRows
    const { queue } = this.#owner.device
    if (typeof form === 'object')
      for (const { indices, rows } of form ?? []) {
        queue.drop(indices)
        queue.drop(rows)
      }
    else queue.drop(this.#storage!)
  }
  /** Whether memory of it was made from storage number `first` on. */
  isMadeSince(first: number): boolean {
    const places = this.#places.flat()
    return (this.#storage !== null && this.#storage.id >= first) || places.some(p => p.rows.id >= first)
  }
  /** What a replay leaves: a gradient in the versions written last, or none. */
  leave(form: GradientForm): void {
    this.#rows = typeof form === 'object' && form ? form : noRows
    this.#first = form === null ? null : form === 'dense' ? this.#storage!.newest : form[0].rows.newest
  }
  dispose(): void {
    const places = this.#places.flat().flatMap(p => [p.indices, p.rows])
    for (const storage of this.#storage ? [this.#storage, ...places] : places) this.#owner.device.queue.dispose(storage)
    this.#storage = this.#tensor = this.#first = null
    this.#rows = noRows
    this.#places.length = 0
  }

  #write(value: Tensor, way: Way): void {
    const { form } = this
    state.trace?.gradient(this.#owner, form)
    const target = this.#place()
    this.#owner.device.queue.assign(target, value.node, way)
    if (form !== 'dense') this.#first = target.head
    this.#rows = noRows
  }
  #place(): Storage {
    if (!this.#storage || this.#storage.disposed) {
      this.#storage = this.#newStorage('gradient', this.#owner.shape, this.#owner.dtype)
      this.#tensor = new Tensor(this.#storage)
    }
    return this.#storage
  }
  #newStorage(what: string, shape: readonly number[], dtype: Storage['dtype']): Storage {
    const storage = new Storage(this.#owner.device, shape, dtype)
    storage.label = `${what} of ${this.#owner.label}`
    return storage
  }

  #writeRows(parts: readonly RowPart[], before: readonly RowPlace[], way: Way): void {
    state.trace?.gradient(this.#owner, this.form)
    const { queue } = this.#owner.device
    const added = parts.map((part, i): RowPlace => {
      const place = this.#placeOfRows(before.length + i, part.rows)
      queue.assign(place.indices, part.indices.node, way)
      queue.assign(place.rows, part.rows.node, way)
      return place
    })
    if (before.length === 0) this.#first = added[0].rows.head
    this.#rows = [...before, ...added]
  }
  #placeOfRows(number: number, { shape, dtype }: Tensor): RowPlace {
    const known = (this.#places[number] ??= [])
    const at = known.findIndex(p => p.rows.shape[0] === shape[0])
    const place =
      at >= 0
        ? known.splice(at, 1)[0]
        : {
            indices: this.#newStorage('indices of the gradient', [shape[0]], 'i32'),
            rows: this.#newStorage('rows of the gradient', shape, dtype),
          }
    known.unshift(place)
    if (known.length > lengthsKept) known.pop()
    return place
  }
}

export function gradientOf(storage: Storage): Gradient {
  storage.gradient ??= new Gradient(storage)
  return storage.gradient
}
