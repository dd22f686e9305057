// Keys and values of the positions that were already read. Capacity is shape and length is data: rows are written in place by scatter,
// attention masks what is not there yet, so every step of decoding is the same graph and compiles once.

import { arange, CairnError, type DeviceName, type DType, effect, live, type Tensor, zeros } from '@cairn/tensor'

export interface KVCacheShape {
  readonly layers: number
  readonly batch: number
  /** heads of keys and values */
  readonly heads: number
  /** features of one head */
  readonly width: number
  /** most positions */
  readonly capacity: number
  readonly dtype?: DType
  readonly device?: DeviceName
}

export class KVCache {
  readonly shape: KVCacheShape
  /** [batch, heads, capacity, width] a layer */
  readonly keys: readonly Tensor[]
  readonly values: readonly Tensor[]
  #length = 0

  constructor(shape: KVCacheShape) {
    this.shape = shape
    const { batch, heads, capacity, width, dtype = 'f32', device } = shape
    const rows = () =>
      Array.from({ length: shape.layers }, () => {
        const t = zeros([batch, heads, capacity, width], { dtype, device })
        t.own()
        return t
      })
    this.keys = rows()
    this.values = rows()
  }

  /** Positions written so far. Setting it back forgets the later ones. */
  get length(): number {
    return this.#length
  }
  set length(value: number) {
    if (!Number.isInteger(value) || value < 0 || value > this.shape.capacity)
      throw new CairnError('KVCache', `the length must be in [0, ${this.shape.capacity}], not ${value}`)
    this.#length = value
  }

  /** The numbers of the next `count` positions, i32 [count]; where they start is data. @throws CairnError when they do not fit */
  next(count: number): Tensor {
    const { capacity } = this.shape
    if (this.#length + count > capacity)
      throw new CairnError('KVCache', `is full: ${count} more positions do not fit`, { length: this.#length, capacity })
    const positions = arange(0, count, 1, { device: this.keys[0]?.device as DeviceName }).add(live(this, c => c.length))
    effect(this, c => {
      c.length += count
    })
    return positions
  }

  /**
   * Writes keys and values [batch, heads, count, width] of a layer at `positions` (i32 [count], each once).
   * @returns all keys and values of the layer, what is not written yet included: mask by position
   */
  write(layer: number, k: Tensor, v: Tensor, positions: Tensor): { k: Tensor; v: Tensor } {
    const put = (rows: Tensor, value: Tensor): Tensor => {
      const places = positions.reshape([1, 1, positions.size, 1]).expand(value.shape)
      return rows.assign(rows.scatter(2, places, value.to(rows.dtype)))
    }
    return { k: put(this.keys[layer], k), v: put(this.values[layer], v) }
  }

  /** Frees the memory now. */
  [Symbol.dispose](): void {
    for (const t of [...this.keys, ...this.values]) t[Symbol.dispose]()
  }
}
