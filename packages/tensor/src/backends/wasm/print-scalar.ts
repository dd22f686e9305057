// Arithmetic on single elements: which instruction, or which few, an operation of the kernel language is. Values in, values out;
// nothing here knows an expression, a loop or a memory.

import type { Func, FuncBuilder, Mnemonic } from '@cairn/wasm'
import type { ComputeType } from '../../dtype.ts'
import type { BinaryOp, UnaryOp } from '../../kernel/ir.ts'
import { type Code, instruct, type Node, type Use } from './print-code.ts'
import { type Helper, type Helpers, type MathImport, mathImports } from './print-helpers.ts'
import { scalarBinary, scalarCasts, scalarTypes, scalarUnary } from './print-types.ts'

type ScalarType = (typeof scalarTypes)[ComputeType]

export const keyOf = (value: number): string => (Object.is(value, -0) ? '-0' : String(value))

export class ScalarOps {
  private readonly code: Code
  private readonly relaxed: boolean
  private readonly helpers: Helpers

  /** @param relaxed multiply-adds are fused, as in the vector form */
  constructor(code: Code, relaxed: boolean, helpers: Helpers) {
    this.code = code
    this.relaxed = relaxed
    this.helpers = helpers
  }

  constant(dtype: ComputeType, value: number): Node {
    const { code } = this
    const type = scalarTypes[dtype]
    switch (type) {
      case 'i32':
        return code.i32(dtype === 'bool' ? Number(value !== 0) : value)
      case 'i64':
        return code.node(type, [], f => f.i64_const(BigInt(value)), { trivial: true, key: `i64 ${value}` })
      case 'f32':
        return code.node(type, [], f => f.f32_const(value), { trivial: true, key: `f32 ${keyOf(value)}` })
      case 'f64':
        return code.node(type, [], f => f.f64_const(value), { trivial: true, key: `f64 ${keyOf(value)}` })
      default:
        return type satisfies never
    }
  }

  cast(from: ComputeType, to: ComputeType, x: Node): Node {
    const { code } = this
    if (from === to) return x
    if (to === 'bool') return this.binary('ne', from, x, this.constant(from, 0))
    const op = scalarCasts[`${from} ${to}`]
    return op ? code.op(op, scalarTypes[to], [x]) : x
  }

  unary(op: UnaryOp, dtype: ComputeType, x: Node): Node {
    const { code } = this
    const type = scalarTypes[dtype]
    const one = scalarUnary[dtype]?.[op]
    if (one) return code.op(one, type, [x])
    const float = dtype === 'f32' || dtype === 'f64'
    switch (op) {
      case 'neg':
        return code.op(`${type}_sub` as Mnemonic, type, [this.constant(dtype, 0), x])
      case 'abs': {
        if (dtype === 'u32' || dtype === 'bool') return x
        const negative = this.binary('lt', dtype, x, this.constant(dtype, 0))
        return code.op('select', type, [this.unary('neg', dtype, x), x, negative])
      }
      case 'not':
        return code.op(`${type}_xor` as Mnemonic, type, [x, this.constant(dtype, -1)])
      case 'isNaN':
        return float ? code.op(`${type}_ne` as Mnemonic, 'i32', [x, x]) : code.i32(0)
      case 'reciprocal':
        return code.op(`${type}_div` as Mnemonic, type, [this.constant(dtype, 1), x])
      case 'rsqrt':
        return this.unary('reciprocal', dtype, this.unary('sqrt', dtype, x))
      case 'floor':
      case 'ceil':
      case 'round':
      case 'trunc':
        if (!float) return x
        break
      case 'erf':
        if (dtype === 'f64') return this.callHelper('erf f64', type, [x])
        break
    }
    if (dtype === 'f64' && op in mathImports) return this.callMath(op as MathImport, [x])
    throw new TypeError(`print: ${op} is not defined on ${dtype}`)
  }

  binary(op: BinaryOp, dtype: ComputeType, a: Node, b: Node): Node {
    const { code } = this
    const type = scalarTypes[dtype]
    const compares = op === 'lt' || op === 'le' || op === 'eq' || op === 'ne'
    const one = scalarBinary[dtype]?.[op]
    if (one) return code.op(one, compares ? 'i32' : type, [a, b])
    switch (op) {
      case 'max':
      case 'min': {
        const less = this.binary('lt', dtype, a, b)
        return code.op('select', type, op === 'min' ? [a, b, less] : [b, a, less])
      }
      case 'div':
      case 'mod':
        if (dtype === 'f32' || dtype === 'f64') return this.callHelper(`mod ${dtype}`, type, [a, b])
        return this.integerDivision(op, dtype, a, b)
      case 'pow':
        if (dtype === 'f64') {
          // Math.pow gives NaN for 1 to the power NaN and for 1 and -1 to an infinite one
          const power = this.callMath('pow', [a, b])
          const one = this.constant('f64', 1)
          const infinite = code.op('f64_eq', 'i32', [
            code.op('f64_abs', 'f64', [b]),
            this.constant('f64', Number.POSITIVE_INFINITY),
          ])
          const unit = code.op('f64_eq', 'i32', [code.op('f64_abs', 'f64', [a]), one])
          const always = code.op('f64_eq', 'i32', [a, one])
          return code.op('select', 'f64', [
            one,
            power,
            code.op('i32_or', 'i32', [always, code.op('i32_and', 'i32', [unit, infinite])]),
          ])
        }
        return this.callHelper(dtype === 'i64' ? 'pow i64' : 'pow i32', type, [a, b])
      case 'atan2':
        return this.callMath('atan2', [a, b])
      default:
        throw new TypeError(`print: ${op} is not defined on ${dtype}`)
    }
  }

  /** Division by zero gives 0 and the one quotient that overflows wraps; the instructions would trap. */
  private integerDivision(op: 'div' | 'mod', dtype: ComputeType, a: Node, b: Node): Node {
    const { code } = this
    const type = dtype === 'i64' ? 'i64' : 'i32'
    const instruction = `${type}_${op === 'div' ? 'div' : 'rem'}_${dtype === 'u32' ? 'u' : 's'}` as Mnemonic
    if (b.constant !== null && b.constant !== 0 && b.constant !== -1) return code.op(instruction, type, [a, b])
    const zero = (f: FuncBuilder): FuncBuilder => (type === 'i64' ? f.i64_const(0) : f.i32_const(0))
    const minusOne = (f: FuncBuilder): FuncBuilder => (type === 'i64' ? f.i64_const(-1) : f.i32_const(-1))
    const divide = (f: FuncBuilder, use: Use): void => {
      use(a)
      use(b)
      instruct(f, instruction)
    }
    return code.node(
      type,
      [a, b],
      (f, use) => {
        use(b)
        f[`${type}_eqz`]().if(
          type,
          () => zero(f),
          () => {
            if (op === 'mod' || dtype === 'u32') return divide(f, use)
            use(b)
            minusOne(f)
              [`${type}_eq`]()
              .if(
                type,
                () => {
                  zero(f)
                  use(a)
                  f[`${type}_sub`]()
                },
                () => divide(f, use),
              )
          },
        )
      },
      { repeated: true, key: `${instruction} ${a.id} ${b.id}` },
    )
  }

  /** a * b + c; one lane of the vector instruction where that is fused, so that tails agree with vectors. */
  multiplyAdd(dtype: ComputeType, a: Node, b: Node, c: Node): Node {
    const { code } = this
    const type = scalarTypes[dtype]
    if (dtype !== 'f32' || !this.relaxed)
      return code.op(`${type}_add` as Mnemonic, type, [code.op(`${type}_mul` as Mnemonic, type, [a, b]), c])
    return code.node(
      'f32',
      [a, b, c],
      (f, use) => {
        for (const x of [a, b, c]) {
          use(x)
          f.f32x4_splat()
        }
        f.f32x4_relaxed_madd().f32x4_extract_lane(0)
      },
      { key: `fma ${a.id} ${b.id} ${c.id}` },
    )
  }

  private callMath(name: MathImport, args: readonly Node[]): Node {
    return this.call(this.helpers.imports.get(name)!, name, 'f64', args)
  }

  private callHelper(name: Helper, type: ScalarType, args: readonly Node[]): Node {
    return this.call(this.helpers.helpers.get(name)!, name, type, args)
  }

  private call(func: Func, name: string, type: ScalarType, args: readonly Node[]): Node {
    return this.code.node(
      type,
      args,
      (f, use) => {
        for (const arg of args) use(arg)
        f.call(func)
      },
      { key: `call ${name} ${args.map(a => a.id)}` },
    )
  }
}
