// Arithmetic on four lanes at once: which instruction, or which few, an operation of the kernel language is. What has no vector
// form is done lane by lane. Values in, values out, as in print-scalar.ts.

import type { ComputeType } from '../../dtype.ts'
import type { BinaryOp, ReduceOp, UnaryOp } from '../../kernel/ir.ts'
import type { Code, Node } from './print-code.ts'
import { keyOf, type ScalarOps } from './print-scalar.ts'
import { vectorBinary, vectorCasts, vectorUnary } from './print-types.ts'

export class VectorOps {
  private readonly code: Code
  private readonly relaxed: boolean
  private readonly scalars: ScalarOps

  constructor(code: Code, relaxed: boolean, scalars: ScalarOps) {
    this.code = code
    this.relaxed = relaxed
    this.scalars = scalars
  }

  constant(dtype: ComputeType, value: number): Node {
    const float = dtype === 'f32'
    const bits = dtype === 'bool' ? -Number(value !== 0) : value
    return this.code.node(
      'v128',
      [],
      f => (float ? f.f32x4_const(bits, bits, bits, bits) : f.i32x4_const(bits, bits, bits, bits)),
      { key: `v128 ${float ? 'f' : 'i'} ${float ? keyOf(bits) : bits | 0}` },
    )
  }

  splat(dtype: ComputeType, x: Node): Node {
    const { code } = this
    if (dtype === 'f32') return code.op('f32x4_splat', 'v128', [x])
    if (dtype === 'bool') return code.op('i32x4_splat', 'v128', [code.sub(code.i32(0), x)])
    return code.op('i32x4_splat', 'v128', [x])
  }

  extract(dtype: ComputeType, x: Node, lane: number): Node {
    const { code } = this
    if (dtype === 'f32') return code.op('f32x4_extract_lane', 'f32', [x], lane)
    const word = code.op('i32x4_extract_lane', 'i32', [x], lane)
    return dtype === 'bool' ? code.op('i32_and', 'i32', [word, code.i32(1)]) : word
  }

  fromLanes(dtype: ComputeType, lanes: readonly Node[]): Node {
    const { code } = this
    const words = dtype === 'bool' ? lanes.map(x => code.sub(code.i32(0), x)) : lanes
    const shape = dtype === 'f32' ? 'f32x4' : 'i32x4'
    let all = code.op(`${shape}_splat`, 'v128', [words[0]])
    for (let lane = 1; lane < 4; lane++) all = code.op(`${shape}_replace_lane`, 'v128', [all, words[lane]], lane)
    return all
  }

  eachLane(dtype: ComputeType, make: (lane: number) => Node): Node {
    return this.fromLanes(dtype, [0, 1, 2, 3].map(make))
  }

  select(condition: Node, then: Node, otherwise: Node): Node {
    const op = this.relaxed ? 'i32x4_relaxed_laneselect' : 'v128_bitselect'
    return this.code.op(op, 'v128', [then, otherwise, condition])
  }

  multiplyAdd(a: Node, b: Node, c: Node): Node {
    const { code } = this
    if (this.relaxed) return code.op('f32x4_relaxed_madd', 'v128', [a, b, c])
    return code.op('f32x4_add', 'v128', [code.op('f32x4_mul', 'v128', [a, b]), c])
  }

  cast(from: ComputeType, to: ComputeType, x: Node): Node {
    const { code } = this
    if (from === to) return x
    if (to === 'bool') return code.op(from === 'f32' ? 'f32x4_ne' : 'i32x4_ne', 'v128', [x, this.constant(from, 0)])
    if (from === 'bool') return code.op('v128_and', 'v128', [x, this.constant(to, 1)])
    const op = vectorCasts[`${from} ${to}`]
    return op ? code.op(op, 'v128', [x]) : x
  }

  unary(op: UnaryOp, dtype: ComputeType, x: Node): Node {
    const { code } = this
    const one = vectorUnary[dtype]?.[op]
    if (one) return code.op(one, 'v128', [x])
    if (dtype === 'f32') {
      if (op === 'isNaN') return code.op('f32x4_ne', 'v128', [x, x])
      if (op === 'reciprocal') return code.op('f32x4_div', 'v128', [this.constant('f32', 1), x])
      if (op === 'rsqrt') return this.unary('reciprocal', dtype, this.unary('sqrt', dtype, x))
    }
    return this.eachLane(op === 'isNaN' ? 'bool' : dtype, lane =>
      this.scalars.unary(op, dtype, this.extract(dtype, x, lane)),
    )
  }

  /** @param dtype of the operands  @param result of what comes out */
  binary(op: BinaryOp, dtype: ComputeType, result: ComputeType, x: Node, y: Node): Node {
    const one = vectorBinary[dtype]?.[op]
    if (one) return this.code.op(one, 'v128', [x, y])
    return this.eachLane(result, lane =>
      this.scalars.binary(op, dtype, this.extract(dtype, x, lane), this.extract(dtype, y, lane)),
    )
  }

  reduce(op: ReduceOp, dtype: ComputeType, a: Node, b: Node): Node {
    return this.code.op(vectorBinary[dtype]![op]!, 'v128', [a, b])
  }
}
