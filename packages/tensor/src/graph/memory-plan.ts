// Where intermediate values lie in the device's scratch arena: each lives from the kernel that writes it to the last that reads it,
// and takes the lowest gap that is free for that long.

export interface Lifetime {
  readonly bytes: number
  /** first and last kernel that touch it */
  readonly first: number
  readonly last: number
}

export interface Layout {
  readonly offsets: readonly number[]
  readonly bytes: number
}

/** Offsets are multiples of `alignment`. Larger values are placed first, which wastes least (best fit decreasing). */
export function layOut(values: readonly Lifetime[], alignment: number): Layout {
  const offsets = new Array<number>(values.length).fill(0)
  const placed: { first: number; last: number; begin: number; end: number }[] = []
  const order = values.map((_, i) => i).sort((a, b) => values[b].bytes - values[a].bytes || a - b)
  let top = 0
  for (const i of order) {
    const { bytes, first, last } = values[i]
    const size = Math.ceil(Math.max(bytes, 1) / alignment) * alignment
    let at = 0
    let best = -1
    let slack = Infinity
    for (const other of placed) {
      if (other.last < first || other.first > last) continue
      const gap = other.begin - at
      if (gap >= size && gap - size < slack) {
        best = at
        slack = gap - size
      }
      if (other.end > at) at = other.end
    }
    const begin = best >= 0 ? best : at
    offsets[i] = begin
    const entry = { first, last, begin, end: begin + size }
    // kept sorted by address, so that gaps are met in order
    let low = 0
    let high = placed.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (placed[middle].begin < begin) low = middle + 1
      else high = middle
    }
    placed.splice(low, 0, entry)
    top = Math.max(top, begin + size)
  }
  return { offsets, bytes: top }
}
