// Tensors as torch prints them, character by character (torch/_tensor_str.py): one width for all numbers, scientific notation where sizes differ
// much, the middle of large tensors left out.

import type { DType } from '../dtype.ts'
import { isFloat } from '../dtype.ts'
import { type Shape, sizeOf } from '../shape.ts'
import type { Tensor } from '../tensor.ts'

export interface PrintOptions {
  /** digits after the point; default 4 */
  readonly precision?: number
  /** tensors of more elements are summarized; default 1000 */
  readonly threshold?: number
  /** elements at each end of an axis in a summary; default 3 */
  readonly edgeItems?: number
  /** characters of a line; default 80 */
  readonly lineWidth?: number
  /** scientific notation always or never; default: as the values need it */
  readonly sciMode?: boolean
}

const names: Readonly<Record<DType, string | null>> = {
  f32: null,
  i64: null,
  bool: null,
  f64: 'torch.float64',
  f16: 'torch.float16',
  bf16: 'torch.bfloat16',
  i32: 'torch.int32',
  u32: 'torch.uint32',
  i8: 'torch.int8',
  u8: 'torch.uint8',
}

/** |x| 10^shift to the nearest integer, ties to even as C and Python do it (JavaScript rounds them up). Exact: a double is an integer times a power of two. */
function rounded(x: number, shift: number): bigint {
  let [mantissa, exponent] = [Math.abs(x), 0]
  while (!Number.isInteger(mantissa)) {
    mantissa *= 2
    exponent--
  }
  let [top, bottom] = [BigInt(mantissa), 1n << BigInt(-exponent)]
  if (shift >= 0) top *= 10n ** BigInt(shift)
  else bottom *= 10n ** BigInt(-shift)
  const [whole, rest] = [top / bottom, (top % bottom) * 2n]
  return rest > bottom || (rest === bottom && whole % 2n === 1n) ? whole + 1n : whole
}
const negative = (x: number): boolean => x < 0 || Object.is(x, -0)
const special = (x: number): string => (Number.isNaN(x) ? 'nan' : x > 0 ? 'inf' : '-inf')

function fixed(x: number, digits: number): string {
  if (!Number.isFinite(x)) return special(x)
  const text = rounded(x, digits)
    .toString()
    .padStart(digits + 1, '0')
  const at = text.length - digits
  return `${negative(x) ? '-' : ''}${text.slice(0, at)}${digits ? '.' : ''}${text.slice(at)}`
}

function scientific(x: number, digits: number): string {
  if (!Number.isFinite(x)) return special(x)
  let exponent = x === 0 ? 0 : Number(Math.abs(x).toExponential().split('e')[1])
  let text = rounded(x, digits - exponent)
    .toString()
    .padStart(digits + 1, '0')
  if (text.length > digits + 1) {
    exponent++
    text = text.slice(0, -1)
  }
  const power = `${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`
  return `${negative(x) ? '-' : ''}${text[0]}${digits ? '.' : ''}${text.slice(1)}e${power}`
}

type Format = (value: number | bigint) => string

/** How all the values shown are written, and how wide. */
function formatOf(
  values: readonly (number | bigint)[],
  dtype: DType,
  o: Required<Omit<PrintOptions, 'sciMode'>> & PrintOptions,
): { write: Format; width: number } {
  if (!isFloat(dtype)) {
    const write: Format = dtype === 'bool' ? v => (v ? 'True' : 'False') : v => String(v)
    return padded(write, values)
  }
  const numbers = values as readonly number[]
  const some = numbers.filter(v => Number.isFinite(v) && v !== 0)
  const sizes = some.map(Math.abs)
  const [most, least] = [sizes.reduce((a, b) => Math.max(a, b), 0), sizes.reduce((a, b) => Math.min(a, b), Infinity)]
  const whole = some.every(Number.isInteger)
  const wide = some.length > 0 && (most / least > 1000 || most > 1e8 || (!whole && least < 1e-4))
  const exponents = o.sciMode ?? wide
  // the width is that of the notation that the values ask for, whatever was asked for by the caller
  const measured = some.map(v =>
    wide ? scientific(v, o.precision).length : whole ? fixed(v, 0).length + 1 : fixed(v, o.precision).length,
  )
  const width = measured.reduce((a, b) => Math.max(a, b), 1)
  const write: Format = v => {
    const x = Number(v)
    if (exponents) return scientific(x, o.precision)
    return whole ? fixed(x, 0) + (Number.isFinite(x) ? '.' : '') : fixed(x, o.precision)
  }
  return { width, write: v => write(v).padStart(width) }
}
function padded(write: Format, values: readonly (number | bigint)[]): { write: Format; width: number } {
  const width = values.reduce((w: number, v) => Math.max(w, write(v).length), 1)
  return { width, write: v => write(v).padStart(width) }
}

/** The text of values that are at hand. @param values row-major, of the shape */
export function formatValues(
  values: ArrayLike<number | bigint>,
  shape: Shape,
  dtype: DType,
  options: PrintOptions & { readonly suffixes?: readonly string[]; readonly last?: readonly string[] } = {},
): string {
  const o = { precision: 4, threshold: 1000, edgeItems: 3, lineWidth: 80, ...options }
  const prefix = 'tensor('
  const indent = prefix.length
  const size = sizeOf(shape)
  const suffixes = [...(options.suffixes ?? [])]
  let text = '[]'
  if (size === 0 && shape.length !== 1) suffixes.push(`size=(${shape.join(', ')}${shape.length === 1 ? ',' : ''})`)
  if (names[dtype]) suffixes.push(`dtype=${names[dtype]}`)
  suffixes.push(...(options.last ?? []))
  if (size > 0) {
    const summary = size > o.threshold
    /** positions of an axis that are shown; -1 for those left out */
    const shown = (n: number): number[] =>
      summary && n > 2 * o.edgeItems
        ? [
            ...Array.from({ length: o.edgeItems }, (_, i) => i),
            -1,
            ...Array.from({ length: o.edgeItems }, (_, i) => n - o.edgeItems + i),
          ]
        : Array.from({ length: n }, (_, i) => i)
    const inner = (axis: number): number => sizeOf(shape.slice(axis + 1))
    const seen: (number | bigint)[] = []
    const collect = (axis: number, at: number): void => {
      if (axis === shape.length) seen.push(values[at])
      else for (const i of shown(shape[axis])) if (i >= 0) collect(axis + 1, at + i * inner(axis))
    }
    collect(0, 0)
    const { write, width } = formatOf(seen, dtype, o)
    const show = (axis: number, at: number, left: number): string => {
      if (axis === shape.length) return write(values[at])
      if (axis === shape.length - 1) {
        const cells = shown(shape[axis]).map(i => (i < 0 ? ' ...' : write(values[at + i])))
        const perLine = Math.max(1, Math.floor((o.lineWidth - left) / (width + 2)))
        const lines: string[] = []
        for (let i = 0; i < cells.length; i += perLine) lines.push(cells.slice(i, i + perLine).join(', '))
        return `[${lines.join(`,\n${' '.repeat(left + 1)}`)}]`
      }
      const parts = shown(shape[axis]).map(i => (i < 0 ? '...' : show(axis + 1, at + i * inner(axis), left + 1)))
      return `[${parts.join(`,${'\n'.repeat(shape.length - axis - 1)}${' '.repeat(left + 1)}`)}]`
    }
    text = show(0, 0, indent)
  }
  let out = prefix + text
  let last = out.length - out.lastIndexOf('\n') + 1
  for (const suffix of suffixes) {
    if (last + suffix.length + 2 > o.lineWidth) {
      out += `,\n${' '.repeat(indent)}${suffix}`
      last = indent + suffix.length
    } else {
      out += `, ${suffix}`
      last += suffix.length + 2
    }
  }
  return `${out})`
}

/**
 * The tensor's values as torch prints them. Reads the tensor, so it is a promise; `String(x)` says only what a tensor is, without waiting.
 * @param x any shape and dtype; integers of 64 bits keep all their digits
 */
export async function formatTensor(x: Tensor, options: PrintOptions = {}): Promise<string> {
  const { shape, dtype } = x
  const data = await x.data()
  const values = dtype === 'i64' ? (data as BigInt64Array) : x.engine.decode(dtype, data)
  return formatValues(values, shape, dtype, {
    ...options,
    suffixes: x.device === 'webgpu' ? ["device='webgpu'"] : [],
    last: x.requiresGrad ? ['requires_grad=True'] : [],
  })
}
