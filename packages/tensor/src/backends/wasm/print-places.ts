// Where an element lies: indices as i32 values, scalar or of four lanes, and addresses.

import { isConstant } from '../../kernel/dim.ts'
import type { Atom, Index } from '../../kernel/index-expr.ts'
import type { Node } from './print-code.ts'
import type { Frame } from './print-frame.ts'
import { storages } from './print-types.ts'
import type { Values } from './print-values.ts'

/** An address less a constant that goes into the instruction. */
export interface Address {
  readonly base: Node
  readonly offset: number
}

export class Places {
  private readonly frame: Frame
  private readonly values: Values

  constructor(frame: Frame, values: Values) {
    this.frame = frame
    this.values = values
  }

  /** An atom for lane `lane` of the axis that runs in lanes. */
  private atom(atom: Atom, lane: number): Node {
    const { code, axes, lanes, vectors } = this.frame
    switch (atom.kind) {
      case 'axis': {
        const value = axes.get(atom.axis.id)!
        return lanes?.axis.id === atom.axis.id ? code.add(value, code.i32(lane)) : value
      }
      case 'div':
        return code.div(this.index(atom.of, lane), this.frame.dim(atom.by))
      case 'mod':
        return code.mod(this.index(atom.of, lane), this.frame.dim(atom.by))
      case 'value': {
        const { value } = atom
        if (lanes?.varies.of(value)) return vectors.extract(value.dtype, this.values.vector(value, lane >> 2), lane & 3)
        const node = this.values.scalar(value)
        return value.dtype === 'i64' ? code.op('i32_wrap_i64', 'i32', [node]) : node
      }
      default:
        return atom satisfies never
    }
  }

  /** An index as an i32. */
  index(index: Index, lane = 0): Node {
    const { code } = this.frame
    return this.sum(
      index.terms.map(({ atom, coef }) =>
        atom ? code.mul(this.atom(atom, lane), this.frame.dim(coef)) : this.frame.dim(coef),
      ),
    )
  }

  /** Adds what is known furthest out first, so that partial sums leave the loops. */
  private sum(parts: readonly Node[]): Node {
    const { code } = this.frame
    const sorted = parts.toSorted((a, b) => a.scope.depth - b.scope.depth)
    return sorted.reduce((a, b) => code.add(a, b), code.i32(0))
  }

  /** Of the element at an index, for lane `lane` of the axis that runs in lanes. */
  address(buffer: number, index: Index, lane: number): Address {
    const { code, axes, lanes } = this.frame
    const { shift } = storages[this.frame.memories[buffer]]
    const parts = [this.frame.base(buffer)]
    let offset = 0
    for (const { atom, coef } of index.terms) {
      const constant = isConstant(coef) ? coef.factor << shift : null
      const scaled = constant === null ? code.shl(this.frame.dim(coef), shift) : code.i32(constant)
      if (!atom) parts.push(scaled)
      else if (atom.kind === 'axis') {
        parts.push(code.mul(axes.get(atom.axis.id)!, scaled))
        if (lane && atom.axis.id === lanes?.axis.id) {
          // a small distance forward goes into the instruction; buffers lie higher than that, so nothing wraps around
          if (constant !== null && constant >= 0 && constant * lane < 1024) offset += constant * lane
          else parts.push(code.mul(scaled, code.i32(lane)))
        }
      } else parts.push(code.mul(this.atom(atom, lane), scaled))
    }
    return { base: this.sum(parts), offset }
  }

  vectorIndex(index: Index, u: number): Node {
    const { code, vectors } = this.frame
    const { axis, varies } = this.frame.lanes!
    if (varies.stride(index) === null)
      return vectors.fromLanes(
        'i32',
        [0, 1, 2, 3].map(lane => this.index(index, 4 * u + lane)),
      )
    const strides = index.terms
      .filter(t => t.atom?.kind === 'axis' && t.atom.axis.id === axis.id)
      .map(t => this.frame.dim(t.coef))
    const stride = this.sum(strides)
    const steps = code.node('v128', [], f => f.i32x4_const(0, 1, 2, 3), { key: 'v128 steps' })
    const distances =
      stride.constant === 1 ? steps : code.op('i32x4_mul', 'v128', [vectors.splat('i32', stride), steps])
    return code.op('i32x4_add', 'v128', [vectors.splat('i32', this.index(index, 4 * u)), distances])
  }
}
