import type { ComputeType, DType, TypedArray } from '../../../dtype.ts'
import {
  acc,
  axis,
  binary,
  bitcast,
  buffer,
  cast,
  constant,
  declare,
  i32,
  load,
  loop,
  rowMajor,
  store,
  unary,
  update,
  where,
} from '../../../kernel/build.ts'
import { dim, symbol } from '../../../kernel/dim.ts'
import {
  type Axis,
  addIndex,
  dimIndex,
  divIndex,
  type Index,
  modIndex,
  scaleIndex,
  valueIndex,
} from '../../../kernel/index-expr.ts'
import type { BufferParam, Expr, LoopKernel, Stmt } from '../../../kernel/ir.ts'

import { fill, make, Random } from './check-kernel.ts'

export class RandomKernel {
  readonly random: Random
  readonly buffers: BufferParam[] = []
  readonly arrays: TypedArray[] = []
  readonly written = new Set<number>()
  readonly scalars: ComputeType[] = []
  readonly scalarValues: number[] = []
  readonly symbols: number[] = []
  private pool: Expr[] = []
  private reduces = false

  constructor(seed: number) {
    this.random = new Random(seed)
  }

  axis(id: number): { axis: Axis; size: number } {
    const size = this.random.pick([1, 2, 3, 4, 5, 8, 17, 33, 64, 70])
    if (!this.random.chance(0.4)) return { axis: axis(id, size), size }
    this.symbols.push(size)
    return { axis: axis(id, symbol(this.symbols.length - 1, size)), size }
  }

  buffer(dtype: DType, elements: number, access: 'read' | 'write' | 'readwrite', values?: TypedArray): number {
    this.buffers.push(buffer(dtype, elements, access))
    this.arrays.push(values ?? fill(this.random, dtype, elements, !this.reduces))
    return this.buffers.length - 1
  }

  /** An index that touches elements 0..count-1, and the count. */
  index(axes: readonly { axis: Axis; size: number }[]): { index: Index; count: number } {
    const { random } = this
    const chosen = random.chance(0.5) ? axes : axes.filter(() => random.chance(0.7))
    const order = random.chance(0.7) ? chosen : chosen.toReversed()
    let index = rowMajor(...order.map(a => a.axis))
    let count = order.reduce((p, a) => p * a.size, 1)
    if (random.chance(0.1)) {
      const by = random.pick([2, 3, 4])
      index = random.chance(0.5) ? divIndex(index, dim(by)) : modIndex(index, dim(by))
    }
    if (random.chance(0.1)) {
      index = addIndex(scaleIndex(index, dim(3)), dimIndex(dim(2)))
      count = 3 * count + 2
    }
    return { index, count }
  }

  load(dtype: ComputeType, axes: readonly { axis: Axis; size: number }[]): Expr {
    const { random } = this
    const stored: DType =
      dtype === 'f32'
        ? random.pick(['f32', 'f32', 'f32', 'f16', 'bf16'])
        : dtype === 'i32'
          ? random.pick(['i32', 'i8'])
          : dtype === 'u32'
            ? random.pick(['u32', 'u8'])
            : dtype
    if (random.chance(0.1)) {
      const { index, count } = this.index(axes)
      const ids = this.buffer(
        'i32',
        count,
        'read',
        Int32Array.from({ length: count }, () => random.below(20)),
      )
      return load(dtype, this.buffer(stored, 20, 'read'), valueIndex(load('i32', ids, index)))
    }
    const { index, count } = this.index(axes)
    if (random.chance(0.15)) {
      const at: Expr = { op: 'index', dtype: 'i32', index }
      return load(dtype, this.buffer(stored, Math.max(1, count - 2), 'read'), index, binary('lt', at, i32(count - 2)))
    }
    return load(dtype, this.buffer(stored, Math.max(count, 1), 'read'), index)
  }

  expr(dtype: ComputeType, axes: readonly { axis: Axis; size: number }[], depth: number): Expr {
    const { random } = this
    const shared = this.pool.filter(e => e.dtype === dtype)
    if (shared.length && random.chance(0.2)) return random.pick(shared)
    const e = this.fresh(dtype, axes, depth)
    this.pool.push(e)
    return e
  }

  private fresh(dtype: ComputeType, axes: readonly { axis: Axis; size: number }[], depth: number): Expr {
    const { random } = this
    if (depth <= 0 || random.chance(0.15)) {
      if (random.chance(0.15))
        return constant(dtype, dtype === 'bool' ? random.below(2) : random.below(9) - (dtype === 'u32' ? 0 : 4))
      if (random.chance(0.1)) {
        this.scalars.push(dtype)
        this.scalarValues.push(
          dtype === 'f32' ? Math.fround(random.next()) : dtype === 'f64' ? random.next() : random.below(2),
        )
        return { op: 'scalar', dtype, slot: this.scalars.length - 1 }
      }
      if (dtype === 'i32' && random.chance(0.2)) return { op: 'index', dtype, index: this.index(axes).index }
      return this.load(dtype, axes)
    }
    const next = (d: ComputeType): Expr => this.expr(d, axes, depth - 1)
    if (random.chance(0.12)) return where(next('bool'), next(dtype), next(dtype))
    if (random.chance(0.1)) return cast(dtype, next(random.pick(this.types())))
    switch (dtype) {
      case 'f32':
      case 'f64':
        if (random.chance(0.4))
          return unary(
            random.pick(['neg', 'abs', 'exp', 'tanh', 'sqrt', 'reciprocal', 'floor', 'round', 'erf', 'log', 'sin']),
            next(dtype),
          )
        if (dtype === 'f32' && random.chance(0.05))
          return { op: 'roundTo', dtype, to: random.pick(['f16', 'bf16']), args: [next(dtype)] }
        if (dtype === 'f32' && random.chance(0.05)) return bitcast(dtype, next('i32'))
        return binary(random.pick(['add', 'sub', 'mul', 'div', 'max', 'min', 'mod', 'pow']), next(dtype), next(dtype))
      case 'bool': {
        if (random.chance(0.3)) return unary('not', next('bool'))
        if (random.chance(0.3)) return binary(random.pick(['and', 'or', 'xor']), next('bool'), next('bool'))
        const t = random.pick(this.types())
        return binary(random.pick(['lt', 'le', 'eq', 'ne']), next(t), next(t))
      }
      default:
        if (random.chance(0.15))
          return unary(random.pick(dtype === 'u32' ? ['not'] : ['neg', 'abs', 'not']), next(dtype))
        return binary(
          random.pick(['add', 'sub', 'mul', 'div', 'mod', 'max', 'min', 'and', 'or', 'xor', 'shl', 'shr']),
          next(dtype),
          next(dtype),
        )
    }
  }

  private wide = false
  private types(): ComputeType[] {
    return this.wide ? ['f32', 'i32', 'u32', 'bool', 'f64', 'i64'] : ['f32', 'i32', 'u32', 'bool']
  }

  store(axes: readonly { axis: Axis; size: number }[], value: Expr): Stmt {
    const stored: DType =
      value.dtype === 'f32'
        ? this.random.pick(['f32', 'f32', 'f16', 'bf16'])
        : value.dtype === 'i32'
          ? this.random.pick(['i32', 'i8'])
          : value.dtype === 'u32'
            ? this.random.pick(['u32', 'u8'])
            : value.dtype
    const count = axes.reduce((p, a) => p * a.size, 1)
    const order = this.random.chance(0.8) ? axes : axes.toReversed()
    const mode =
      value.dtype !== 'bool' && this.random.chance(0.2) ? this.random.pick(['add', 'max', 'min'] as const) : 'set'
    return store(this.buffer(stored, count, 'readwrite'), rowMajor(...order.map(a => a.axis)), value, mode)
  }

  kernel(): LoopKernel {
    const { random } = this
    this.wide = random.chance(0.25)
    const outer = Array.from({ length: 1 + random.below(3) }, (_, i) => this.axis(i))
    while (outer.reduce((p, a) => p * a.size, 1) > 3000) outer.pop()
    const vector = random.chance(0.6)
    const body: Stmt[] = []
    const shape = random.below(3)
    const type = (): ComputeType => random.pick(this.types())
    if (shape === 0)
      for (let i = 0; i <= random.below(3); i++) body.push(this.store(outer, this.expr(type(), outer, 4)))
    else {
      // a reduction with tame values, then a map that uses it
      this.reduces = true
      const inner = this.axis(10)
      const both = [...outer, inner]
      const op = random.pick(['max', 'min', 'add'] as const)
      const dtype = random.pick(['f32', 'i32', 'u32'] as const)
      const value =
        dtype === 'f32'
          ? binary('add', this.load('f32', both), binary('mul', this.load('f32', both), this.load('f32', outer)))
          : this.expr(dtype, both, 2)
      body.push(declare(0, op === 'add' ? 0 : op === 'max' ? (dtype === 'u32' ? 0 : -1000) : 1000, dtype))
      body.push(loop(inner.axis, [update(0, op, value)], { reduces: [0] }))
      this.pool = []
      const result = acc(0, dtype)
      body.push(this.store(outer, result))
      if (shape === 2) body.push(loop(inner.axis, [this.store(both, binary('add', this.expr(dtype, both, 2), result))]))
    }
    return make({
      name: 'random',
      parallel: outer.map(a => a.axis),
      vector,
      buffers: this.buffers,
      scalars: this.scalars,
      body,
    })
  }
}
