// The uniform block of a launch: the runtime sizes, scalars and bit patterns that a shader's text mentions, in the order
// in which it first does. The printer names the fields, the runner fills them, both from the list made here.

import type { ComputeType } from '../../dtype.ts'
import { ShapeError } from '../../errors.ts'
import { type Dim, dimKey, evaluateDim, isConstant } from '../../kernel/dim.ts'

export type Field =
  /** i32 */
  | { readonly kind: 'dim'; readonly dim: Dim }
  /** f32, i32, u32; bool as u32 */
  | { readonly kind: 'scalar'; readonly slot: number; readonly dtype: ComputeType }
  /** u32; for constants that WGSL refuses to write down */
  | { readonly kind: 'bits'; readonly bits: number }

const typeOf = (field: Field): string =>
  field.kind === 'dim' ? 'i32' : field.kind === 'bits' || field.dtype === 'bool' ? 'u32' : field.dtype

export class Uniforms {
  readonly fields: Field[] = []
  private readonly names = new Map<string, string>()
  private readonly literal: boolean

  /** With `literal` false constant sizes are fields too, one a mention, so that one shader serves kernels of all shapes. */
  constructor(literal = true) {
    this.literal = literal
  }

  /** A size as an i32 expression. */
  dim(d: Dim): string {
    if (!isConstant(d)) return this.name(this.literal ? `d${dimKey(d)}` : null, { kind: 'dim', dim: d })
    if (!this.literal && Math.abs(d.factor) > 1) return this.name(null, { kind: 'dim', dim: d })
    return d.factor < -0x7fffffff ? 'i32(-2147483648)' : `${d.factor}i`
  }

  /** A size, never negative, as a u32 expression. */
  unsigned(d: Dim): string {
    const text = this.dim(d)
    return text.startsWith('p.') ? `u32(${text})` : `${d.factor}u`
  }

  scalar(slot: number, dtype: ComputeType): string {
    const name = this.name(`s${slot}`, { kind: 'scalar', slot, dtype })
    return dtype === 'bool' ? `(${name} != 0u)` : name
  }

  /** A bit pattern as a u32 expression that no compiler can look into. */
  bits(bits: number): string {
    return this.name(`b${bits}`, { kind: 'bits', bits })
  }

  private name(key: string | null, field: Field): string {
    const before = key !== null && this.names.get(key)
    if (before) return before
    const name = `p.${field.kind}${this.fields.length}`
    this.fields.push(field)
    if (key !== null) this.names.set(key, name)
    return name
  }

  /** The declarations, or nothing when the shader has no fields. */
  text(binding: number): string {
    if (this.fields.length === 0) return ''
    const members = this.fields.map((field, i) => `  ${field.kind}${i}: ${typeOf(field)},\n`).join('')
    return `struct Parameters {\n${members}}\n@group(0) @binding(${binding}) var<uniform> p: Parameters;\n`
  }
}

const floats = new Float32Array(1)
const words = new Uint32Array(floats.buffer)

/** Writes the fields' words at `at`. @throws ShapeError for a size past 2^31 - 1, where index arithmetic ends */
export function fillUniforms(
  fields: readonly Field[],
  target: Uint32Array,
  at: number,
  scalars: (slot: number) => number,
  symbols: ArrayLike<number>,
): void {
  for (const field of fields) {
    if (field.kind === 'dim') {
      const value = evaluateDim(field.dim, symbols)
      if (Math.abs(value) > 0x7fffffff)
        throw new ShapeError('webgpu', 'a size is past 2^31 - 1, the reach of indices on a GPU', { size: value })
      target[at++] = value
    } else if (field.kind === 'bits') target[at++] = field.bits
    else if (field.dtype === 'f32') {
      floats[0] = scalars(field.slot)
      target[at++] = words[0]
    } else target[at++] = field.dtype === 'bool' ? Number(scalars(field.slot) !== 0) : scalars(field.slot)
  }
}
