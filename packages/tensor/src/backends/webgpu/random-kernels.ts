// For tests: random loop kernels in the forms that lowering makes (maps, rows with several reductions, columns, nests,
// gathers, ordered scatters, in place), over random layouts, dtypes, masks and runtime sizes.

import { computeType, type DType, type TypedArray } from '../../dtype.ts'
import {
  acc,
  axis,
  binary,
  buffer,
  cast,
  constant,
  declare,
  f32,
  i32,
  load,
  loop,
  rowMajor,
  store,
  unary,
  update,
  where,
} from '../../kernel/build.ts'
import { type Dim, dim, evaluateDim, mulDim, one, productDim, symbol } from '../../kernel/dim.ts'
import { numberToBf16, numberToF16 } from '../../kernel/half.ts'
import {
  type Axis,
  addIndex,
  axisIndex,
  dimIndex,
  divIndex,
  type Index,
  modIndex,
  scaleIndex,
  valueIndex,
  zeroIndex,
} from '../../kernel/index-expr.ts'
import type { BufferParam, Expr, LoopKernel, Stmt } from '../../kernel/ir.ts'
import { randomFrom } from './differential.ts'

export interface RandomKernel {
  readonly kernel: LoopKernel
  readonly buffers: readonly TypedArray[]
  readonly scalars: readonly number[]
  readonly symbols: readonly number[]
}

export const forms = ['map', 'row', 'nest', 'column', 'scatter', 'in place', 'causal'] as const
export type Form = (typeof forms)[number]

const sizes = [1, 3, 5, 17, 64]
/** Iterations of a kernel, about: the interpreter is slow. */
const most = 6000
const loadable: readonly DType[] = ['f32', 'f32', 'f32', 'i32', 'u32', 'bool', 'f16', 'bf16', 'u8', 'i8']

export function randomKernel(form: Form, seed: number, lengths: readonly number[]): RandomKernel {
  const make = new Maker(seed)
  const length = make.pick(lengths)
  const count = form === 'scatter' ? 1 : 1 + make.below(3)
  let room = most / Math.max(1, form === 'map' ? 1 : length)
  const parallel = make.times(count, () => {
    const size = make.pick(sizes.filter(n => n <= Math.max(1, room)))
    room /= size
    return make.axis(size)
  })
  if (make.below(8) === 0) parallel[0] = make.axis(form === 'map' && count === 1 ? 1000 : 0)
  const body = bodies[form](make, parallel, length)
  const kernel: LoopKernel = {
    kind: 'loop',
    name: `${form} ${seed}`,
    buffers: make.params,
    scalars: ['f32', 'i32'],
    parallel,
    vector: form === 'column' || form === 'map',
    scratch: [],
    body,
  }
  return { kernel, buffers: make.arrays(), scalars: [1.25, -3], symbols: make.symbols }
}

const bodies: Record<Form, (make: Maker, parallel: Axis[], length: number) => Stmt[]> = {
  map(make, parallel) {
    const value = make.value(parallel)
    return [make.result(parallel, value), ...(make.below(2) ? [make.result(parallel, make.value(parallel))] : [])]
  },

  // as softmax and the norms: each loop reads the row again
  row(make, parallel, length) {
    const r = make.axis(length)
    const all = [...parallel, r]
    const x = make.float(all, 2)
    return [
      declare(0, Number.NEGATIVE_INFINITY),
      loop(r, [update(0, 'max', x)], { reduces: [0] }),
      declare(1, 0),
      declare(2, 1),
      loop(r, [update(1, 'add', unary('exp', binary('sub', x, acc(0)))), update(2, 'min', x)], { reduces: [1, 2] }),
      make.result(parallel, binary('add', acc(1), acc(2))),
      loop(r, [make.result(all, binary('mul', unary('exp', binary('sub', x, acc(0))), unary('reciprocal', acc(1))))]),
    ]
  },

  nest(make, parallel, length) {
    const [r, s] = [make.axis(make.pick([1, 3, 5])), make.axis(length)]
    const x = make.float([...parallel, r, s], 2)
    const n = make.integer([...parallel, r, s], 1)
    return [
      declare(0, 0),
      declare(1, 0, n.dtype),
      loop(r, [loop(s, [update(0, 'add', x), update(1, 'max', n)], { reduces: [0, 1] })], { reduces: [0, 1] }),
      make.result(parallel, acc(0)),
      make.result(parallel, acc(1, n.dtype)),
    ]
  },

  column(make, parallel, length) {
    const r = make.axis(length)
    const x = make.float([r, ...parallel], 2)
    return [
      declare(0, 0.5),
      declare(1, 0, 'bool'),
      loop(r, [update(0, 'add', x), update(1, 'add', make.truth([r, ...parallel]))], { reduces: [0, 1] }),
      make.result(parallel, where(acc(1, 'bool'), acc(0), unary('neg', acc(0)))),
      make.result(parallel, acc(1, 'bool')),
    ]
  },

  scatter(make, parallel, length) {
    const r = make.axis(length)
    const rows = dim(7)
    const at = make.given('i32', [r.size], length, i => (i * 5 + 3) % 7)
    const target = make.given(
      'f32',
      [rows, parallel[0].size],
      7 * evaluateDim(parallel[0].size, make.symbols),
      () => 0.5,
      'readwrite',
    )
    const row = valueIndex(load('i32', at, axisIndex(r)))
    const index = addIndex(scaleIndex(row, parallel[0].size), axisIndex(parallel[0]))
    const value = make.float([r, ...parallel], 1)
    return [loop(r, [store(target, index, value, 'add', make.truth([r]))], { ordered: true })]
  },

  'in place'(make, parallel, length) {
    const r = make.axis(length)
    const all = [...parallel, r]
    const x = make.given(
      'f32',
      all.map(a => a.size),
      make.count(all),
      i => ((i * 7) % 11) / 4 - 1,
      'readwrite',
    )
    const stat = make.given(
      'f32',
      parallel.map(a => a.size),
      make.count(parallel),
      i => i % 5,
      'readwrite',
    )
    const at = load('f32', x, rowMajor(...all))
    const old = load('f32', stat, rowMajor(...parallel))
    return [
      declare(0, 0),
      loop(r, [update(0, 'add', binary('mul', at, at))], { reduces: [0] }),
      // the old value is read before it is replaced, and again after
      store(stat, rowMajor(...parallel), binary('add', binary('mul', old, f32(0.5)), acc(0))),
      loop(r, [store(x, rowMajor(...all), binary('add', at, binary('mul', unary('sqrt', acc(0)), old)))]),
    ]
  },

  causal(make, parallel, length) {
    const r = make.axis(length)
    const end = addIndex(axisIndex(parallel[0]), dimIndex(one))
    const x = make.float([...parallel, r], 1)
    return [
      declare(0, 0),
      loop(r, [update(0, 'add', x)], { reduces: [0], end }),
      make.result(parallel, acc(0)),
      loop(r, [make.result([...parallel, r], binary('sub', x, acc(0)))], { end }),
    ]
  },
}

class Maker {
  readonly params: BufferParam[] = []
  readonly symbols: number[] = []
  private readonly random: () => number
  private readonly data: (() => TypedArray)[] = []
  private axes = 0

  constructor(seed: number) {
    this.random = randomFrom(seed)
    this.random()
  }

  below(n: number): number {
    return Math.floor(this.random() * n)
  }

  pick<T>(of: readonly T[]): T {
    return of[this.below(of.length)]
  }

  times<T>(n: number, make: () => T): T[] {
    return Array.from({ length: n }, make)
  }

  /** One axis in three has a runtime size, whose sample may be another. */
  axis(size: number): Axis {
    if (this.below(3) > 0) return axis(this.axes++, size)
    this.symbols.push(size)
    return axis(this.axes++, symbol(this.symbols.length - 1, this.below(2) ? size : size + 3))
  }

  count(axes: readonly Axis[]): number {
    return axes.reduce((n, a) => n * evaluateDim(a.size, this.symbols), 1)
  }

  arrays(): TypedArray[] {
    return this.data.map(make => make())
  }

  given(
    dtype: DType,
    dims: readonly Dim[],
    count: number,
    value: (i: number) => number,
    access: BufferParam['access'] = 'read',
  ): number {
    this.params.push(buffer(dtype, productDim(dims), access))
    this.data.push(() => fill(dtype, count, value))
    return this.params.length - 1
  }

  /** A store of `value` to a new buffer in row-major order. */
  result(axes: readonly Axis[], value: Expr): Stmt {
    const dtype = this.pick(storable[value.dtype as keyof typeof storable])
    const out = this.given(
      dtype,
      axes.map(a => a.size),
      this.count(axes),
      () => 0,
      'write',
    )
    return store(out, rowMajor(...axes), value, 'set', this.below(4) ? null : this.truth(axes))
  }

  value(axes: readonly Axis[]): Expr {
    return [() => this.float(axes, 3), () => this.integer(axes, 2), () => this.truth(axes)][this.below(3)]()
  }

  /** f32 of moderate size. */
  float(axes: readonly Axis[], depth: number): Expr {
    if (depth === 0)
      return this.pick([
        () => this.leaf('f32', axes),
        () => f32(this.below(9) / 4 - 1),
        () => ({ op: 'scalar', dtype: 'f32', slot: 0 }) as const,
      ])()
    const a = this.float(axes, depth - 1)
    const b = this.below(3) ? this.float(axes, this.below(depth)) : a
    return this.pick<() => Expr>([
      () => binary(this.pick(['add', 'sub', 'mul', 'max', 'min']), unary('tanh', a), b),
      () => binary('add', a, b),
      () => unary(this.pick(['neg', 'abs', 'tanh', 'sin', 'cos', 'erf']), a),
      () => where(this.truth(axes), a, b),
      () => unary('exp', unary('tanh', a)),
      () => cast('f32', this.integer(axes, 1)),
    ])()
  }

  integer(axes: readonly Axis[], depth: number): Expr {
    const dtype = this.pick(['i32', 'u32'] as const)
    return this.ofInteger(dtype, axes, depth)
  }

  private ofInteger(dtype: 'i32' | 'u32', axes: readonly Axis[], depth: number): Expr {
    if (depth === 0) return this.below(4) ? this.leaf(dtype, axes) : constant(dtype, this.below(9))
    const a = this.ofInteger(dtype, axes, depth - 1)
    const b = this.ofInteger(dtype, axes, this.below(depth))
    return this.pick<() => Expr>([
      () => binary(this.pick(['add', 'sub', 'mul', 'max', 'min', 'and', 'or', 'xor', 'div', 'mod']), a, b),
      () => binary(this.pick(['shl', 'shr']), a, constant(dtype, this.below(5))),
      () => where(this.truth(axes), a, b),
      () => cast(dtype, this.ofInteger(dtype === 'i32' ? 'u32' : 'i32', axes, depth - 1)),
      () => (dtype === 'i32' ? { op: 'index', dtype, index: this.layout(axes).index } : a),
    ])()
  }

  truth(axes: readonly Axis[]): Expr {
    const pair = (dtype: 'f32' | 'i32' | 'u32'): Expr =>
      binary(this.pick(['lt', 'le', 'eq', 'ne']), this.leaf(dtype, axes), constant(dtype, this.below(4)))
    return this.pick<() => Expr>([
      () => pair(this.pick(['f32', 'i32', 'u32'])),
      () => this.leaf('bool', axes),
      () => unary('not', pair('i32')),
      () => binary(this.pick(['and', 'or', 'xor']), pair('f32'), this.leaf('bool', axes)),
    ])()
  }

  /** A load of a new buffer in a random layout, masked now and then. */
  private leaf(type: 'f32' | 'i32' | 'u32' | 'bool', axes: readonly Axis[]): Expr {
    const dtype = this.pick(loadable.filter(d => computeType(d) === type))
    const { index, dims, count } = this.layout(axes)
    const seed = this.below(97)
    const at = this.given(dtype, dims, count, i => values[type]((i * 31 + seed) % 17))
    const first = axes[0]
    if (!first || this.below(4) > 0) return load(type, at, index)
    const inside = binary('lt', { op: 'index', dtype: 'i32', index: axisIndex(first) }, i32(this.below(6)))
    return load(type, at, index, inside)
  }

  /** Some of the axes in some order, reversed, taken apart or shifted now and then. */
  private layout(axes: readonly Axis[]): { index: Index; dims: Dim[]; count: number } {
    const used = axes.filter(() => this.below(4) > 0).sort(() => this.random() - 0.5)
    let index = rowMajor(...used)
    const dims = used.map(a => a.size)
    const count = this.count(used)
    const fixed = used.length === 1 && used[0].size.symbols.length === 0 && used[0].size.factor > 1
    if (fixed && this.below(2)) {
      const size = used[0].size.factor
      const way = this.below(3)
      if (way === 0) index = addIndex(dimIndex(dim(size - 1)), scaleIndex(axisIndex(used[0]), dim(-1)))
      if (way === 1) index = divIndex(axisIndex(used[0]), dim(3))
      if (way === 2) index = modIndex(axisIndex(used[0]), dim(3))
      return { index, dims, count }
    }
    if (used.length > 1 && this.below(3) === 0) {
      // every second element of a buffer twice as large, one further
      index = addIndex(scaleIndex(index, dim(2)), dimIndex(one))
      return { index, dims: [mulDim(dim(2), productDim(dims))], count: count * 2 }
    }
    return { index: used.length ? index : zeroIndex, dims, count }
  }
}

const values = {
  f32: (n: number) => n / 4 - 2,
  i32: (n: number) => n - 8,
  u32: (n: number) => n,
  bool: (n: number) => n % 2,
} as const

const storable = {
  f32: ['f32', 'f32', 'f16', 'bf16'],
  i32: ['i32', 'i8'],
  u32: ['u32', 'u8'],
  bool: ['bool'],
} as const

function fill(dtype: DType, count: number, value: (i: number) => number): TypedArray {
  const make = {
    f32: Float32Array,
    f16: Uint16Array,
    bf16: Uint16Array,
    i32: Int32Array,
    u32: Uint32Array,
    i8: Int8Array,
    u8: Uint8Array,
    bool: Uint8Array,
    f64: Float64Array,
  }
  const array = new make[dtype as keyof typeof make](count)
  const bits = dtype === 'f16' ? numberToF16 : dtype === 'bf16' ? numberToBf16 : (x: number): number => x
  for (let i = 0; i < count; i++) array[i] = bits(value(i))
  return array
}
