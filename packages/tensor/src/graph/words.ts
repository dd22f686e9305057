// How a graph is written down as numbers, to be found again: what the key of a plan (graph/capture.ts) and that of a backward pass
// (autograd/history.ts) have in common. Whoever writes is never interrupted, so one array serves all.

import type { DType } from '../dtype.ts'
import { type Attributes, type Node, noAttributes } from './node.ts'

/** What is being written. */
export const text = { words: new Int32Array(4096) }

let writings = 0
/** Begins anew, over what was written before. @returns the number of this writing; nodes that a walk has seen carry it */
export const beginWriting = (): number => ++writings
/** Whether nobody has begun since. */
export const isLatest = (writing: number): boolean => writing === writings

/** Brings the array to at least as many words. */
export function makeRoom(count: number): void {
  if (count <= text.words.length) return
  const larger = new Int32Array(2 * count)
  larger.set(text.words)
  text.words = larger
}

export type Numbers = Map<string, number>
export function intern(numbers: Numbers, name: string): number {
  let id = numbers.get(name)
  if (id === undefined) numbers.set(name, (id = numbers.size))
  return id
}
const opNumbers: Numbers = new Map()
const dtypeNumbers: Numbers = new Map()
const modeNumbers: Numbers = new Map()
const single = intern(dtypeNumbers, 'f32')

export const numberOfOp = (op: string): number => intern(opNumbers, op)
const numberOfDType = (dtype: DType): number => (dtype === 'f32' ? single : intern(dtypeNumbers, dtype))
export const numberOfMode = (mode: string): number => intern(modeNumbers, mode)

/**
 * The first word of a node: its op, dtype, whether it has attributes, rank, number of sources. Most nodes take four or five words, and every word
 * is hashed and compared.
 */
export const field = { dtype: 10, attributes: 14, rank: 15, sources: 22 } as const
export const headOf = ({ op, dtype, attributes, shape }: Node, count: number): number =>
  numberOfOp(op) |
  (numberOfDType(dtype) << field.dtype) |
  ((attributes === noAttributes ? 0 : 1) << field.attributes) |
  (shape.length << field.rank) |
  (Math.min(count, manySources) << field.sources)
export const rankMask = 127
/** as many sources or more: their number is a word of its own */
export const manySources = 1023

/**
 * Every attribute is in the key, but the derivative and its form, which are no part of the computation, and a user's op or an algorithm, which
 * `mode` names. A subgraph is there as the number of its own key.
 */
const keyed = {
  axis: true,
  axes: true,
  steps: true,
  sizes: true,
  value: true,
  mode: true,
  subgraph: true,
  rule: false,
  form: false,
  custom: false,
  program: false,
}
keyed satisfies Record<keyof Attributes, boolean>

const double = new Float64Array(1)
const halves = new Int32Array(double.buffer)

/** Words that `writeAttributes` writes. */
export function attributeWords(attributes: Attributes): number {
  if (attributes === noAttributes) return 0
  const { axes, steps, value, subgraph } = attributes
  if (subgraph) return 1
  return 2 + (axes?.length ?? 0) + (steps?.length ?? 0) + (value === undefined ? 0 : 2)
}

/**
 * All but the values of `sizes`, of which the number is written.
 * @param after words that follow
 */
export function writeAttributes(attributes: Attributes, start: number, after: number): number {
  const { axis, axes, steps, sizes, value, mode, subgraph } = attributes
  const [axisCount, stepCount, sizeCount] = [axes?.length ?? -1, steps?.length ?? -1, sizes?.length ?? -1]
  makeRoom(start + 4 + axisCount + stepCount + sizeCount + after + 4)
  const data = text.words
  let at = start
  if (subgraph) {
    data[at++] = subgraph.structure
    return at
  }
  // counts of axes, which are at most 127, and for the widths of a pad twice as many
  data[at++] = (axisCount + 1) | ((stepCount + 1) << 8) | ((sizeCount + 1) << 16) | (value === undefined ? 0 : 1 << 25)
  data[at++] = ((axis ?? -1) + 1) | ((mode === undefined ? 0 : numberOfMode(mode) + 1) << 8)
  if (axes) for (let i = 0; i < axes.length; i++) data[at++] = axes[i]
  if (steps) for (let i = 0; i < steps.length; i++) data[at++] = steps[i]
  if (value !== undefined) {
    double[0] = value
    data[at++] = halves[0]
    data[at++] = halves[1]
  }
  return at
}

/** FNV-1a over the words that were written, in four lanes, which a processor follows at once; a hit is confirmed by comparison. */
export function hashOf(count: number): number {
  const data = text.words
  let [a, b, c, d] = [0x811c9dc5, 1, 2, 3]
  let i = 0
  for (; i + 3 < count; i += 4) {
    a = Math.imul(a ^ data[i], 0x01000193)
    b = Math.imul(b ^ data[i + 1], 0x01000193)
    c = Math.imul(c ^ data[i + 2], 0x01000193)
    d = Math.imul(d ^ data[i + 3], 0x01000193)
  }
  for (; i < count; i++) a = Math.imul(a ^ data[i], 0x01000193)
  for (const lane of [b, c, d]) a = Math.imul(a ^ lane, 0x01000193)
  return a
}

/** Whether what was written is `key`. */
export function isWritten(key: Int32Array, count: number): boolean {
  if (key.length !== count) return false
  const data = text.words
  for (let i = 0; i < count; i++) if (key[i] !== data[i]) return false
  return true
}

export const sameKey = (a: Int32Array, b: Int32Array): boolean => {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
