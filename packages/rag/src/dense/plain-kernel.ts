// The kernel's exports as plain loops over the same bytes: for runtimes that refuse to compile WebAssembly, and the oracle of
// the generated code. Sums are made in double precision.

import { type Kernel, type Measure, type RowFormat, rowStride } from './kernel.ts'

export function plainKernel(
  format: RowFormat,
  measure: Measure,
  dimensions: number,
  base: number,
  buffer: () => ArrayBuffer,
): Kernel {
  const stride = rowStride(format, dimensions)
  const distance = distances[format](measure, dimensions, stride)
  const each = (count: number, out: number, address: (i: number, view: DataView) => number): void => {
    const bytes = buffer()
    const view = new DataView(bytes)
    const results = new Float32Array(bytes, out, count)
    for (let i = 0; i < count; i++) results[i] = distance(bytes, address(i, view))
  }
  return {
    scan: (first, count, out) => each(count, out, i => base + (first + i) * stride),
    gather: (ids, count, out) => each(count, out, (i, view) => base + view.getInt32(ids + 4 * i, true) * stride),
    load(row) {
      const bytes = buffer()
      const from = base + row * stride
      if (format !== 'i8') {
        new Uint8Array(bytes).copyWithin(0, from, from + stride)
        return
      }
      const codes = stride - 16
      new Int16Array(bytes, 0, codes).set(new Int8Array(bytes, from, codes))
      new Uint8Array(bytes).copyWithin(2 * codes, from + codes, from + stride)
    },
  }
}

type Distance = (bytes: ArrayBuffer, row: number) => number

const distances: Record<RowFormat, (measure: Measure, dimensions: number, stride: number) => Distance> = {
  f32: (measure, dimensions) => (bytes, row) => {
    const q = new Float32Array(bytes, 0, dimensions)
    const x = new Float32Array(bytes, row, dimensions)
    let sum = 0
    if (measure === 'product') for (let i = 0; i < dimensions; i++) sum -= q[i] * x[i]
    else for (let i = 0; i < dimensions; i++) sum += (q[i] - x[i]) ** 2
    return sum
  },
  i8: (measure, dimensions, stride) => (bytes, row) => {
    const codes = stride - 16
    const q = new Int16Array(bytes, 0, dimensions)
    const x = new Int8Array(bytes, row, dimensions)
    let sum = 0
    for (let i = 0; i < dimensions; i++) sum += q[i] * x[i]
    const [factor, squares] = new Float32Array(bytes, row + codes, 2)
    const [queryFactor, querySquares] = new Float32Array(bytes, 2 * codes, 2)
    const product = sum * factor * queryFactor
    return measure === 'product' ? -product : squares + querySquares - 2 * product
  },
  bits: (_measure, _dimensions, stride) => (bytes, row) => {
    const q = new Uint32Array(bytes, 0, stride / 4)
    const x = new Uint32Array(bytes, row, stride / 4)
    let sum = 0
    for (let i = 0; i < q.length; i++) sum += ones(q[i] ^ x[i])
    return sum
  },
}

/** The number of ones in 32 bits: added in pairs, then nibbles, then bytes. */
function ones(word: number): number {
  word -= (word >>> 1) & 0x55555555
  word = (word & 0x33333333) + ((word >>> 2) & 0x33333333)
  return Math.imul((word + (word >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}
