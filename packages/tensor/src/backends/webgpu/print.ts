// LoopKernel -> WGSL. Parallel items become threads, or groups of lanes (strategy.ts). Barriers stand only at the top level
// of `main`, where control flow is uniform: threads without an item follow an existing one and store nothing.

import { type ComputeType, startOf } from '../../dtype.ts'
import { DeviceError } from '../../errors.ts'
import { changes, reads, roots } from '../../kernel/depends.ts'
import { type Dim, productDim } from '../../kernel/dim.ts'
import type { Axis } from '../../kernel/index-expr.ts'
import type { Bounded, LoopKernel, ReduceOp, Stmt } from '../../kernel/ir.ts'
import { reduceText, wgslTypes } from './operations.ts'
import { combineOp, flatten, radix, type Strategy } from './strategy.ts'
import type { Field } from './uniforms.ts'
import { type How, Writer } from './writer.ts'

export interface Shader {
  readonly code: string
  /** storage bindings, numbered from 0; the uniform block, if there are fields, follows them */
  readonly bindings: number
  readonly fields: readonly Field[]
  /** indices that it checks, each with a word in the binding after the uniform block's */
  readonly checks?: readonly Bounded[]
  /** workgroups of a launch, by the values of sizes; 0 when there is nothing to do */
  readonly workgroups: (size: (d: Dim) => number) => number
}

/** What a kernel becomes: shaders that run one after the other over the same memory. */
export interface Printed {
  readonly stages: readonly Shader[]
  /** floats of scratch memory, bound after the kernel's own; null: none */
  readonly scratch: Dim | null
}

export const alone = (shader: Shader): Printed => ({ stages: [shader], scratch: null })

/** The number of a workgroup of a launch whose workgroups are spread over two dimensions. */
export const workgroupNumber = 'workgroup.y * grid.x + workgroup.x'

/** `alias[i]` is the binding of buffer i (writer.ts). */
export function printLoops(kernel: LoopKernel, strategy: Strategy, alias: readonly number[], how: How = {}): Shader {
  if (kernel.scratch.length > 0)
    throw new DeviceError('webgpu', 'kernels have no scratch rows here', { kernel: kernel.name })
  const writer = new Writer(kernel.buffers, alias, how)
  const items = productDim(kernel.parallel.map(axis => axis.size))
  const { threads, lanes } = strategy
  const each = threads / lanes
  const printer = lanes > 1 ? new LanePrinter(writer, strategy, kernel.vector) : new ThreadPrinter(writer)
  printer.begin(items, threads, each)
  nameAxes(writer, kernel.parallel, 'item')
  printer.body(kernel.body)
  return {
    code: writer.shader(threads, printer.memory()),
    bindings: new Set(alias).size,
    fields: writer.uniforms.fields,
    checks: writer.checks,
    workgroups: size => Math.ceil(kernel.parallel.reduce((n, axis) => n * size(axis.size), 1) / each),
  }
}

/** Takes a flat u32 number apart into axes, the last fastest. */
export function nameAxes(writer: Writer, axes: readonly Axis[], flat: string): void {
  let rest = flat
  for (let i = axes.length - 1; i >= 0; i--) {
    const name = writer.fresh('a')
    const size = writer.uniforms.unsigned(axes[i].size)
    if (i === 0) writer.line(`let ${name} = i32(${rest});`)
    else {
      const next = writer.fresh('n')
      writer.line(`let ${name} = i32(${rest} % ${size});`)
      writer.line(`let ${next} = ${rest} / ${size};`)
      rest = next
    }
    writer.nameAxis(axes[i], name)
  }
}

/** One thread an item: loops run as they stand. */
class ThreadPrinter {
  protected readonly writer: Writer

  constructor(writer: Writer) {
    this.writer = writer
  }

  begin(items: Dim, threads: number, _each: number): void {
    this.writer.line(`let item = (${workgroupNumber}) * ${threads}u + thread;`)
    this.writer.line(`if (item >= ${this.writer.uniforms.unsigned(items)}) { return; }`)
  }

  body(statements: readonly Stmt[]): void {
    for (const s of statements) this.statement(s)
  }

  memory(): string {
    return ''
  }

  protected statement(s: Stmt): void {
    switch (s.kind) {
      case 'loop':
        this.loop(s)
        break
      case 'declare':
        this.variable(s.acc, s.dtype, this.writer.constant(s.init, s.dtype))
        break
      case 'update': {
        const { name, dtype } = this.writer.accumulators.get(s.acc)!
        const value = this.writer.value(s.value)
        this.writer.line(`${name} = ${reduceText(s.op, name, value, dtype, this.writer.use)};`)
        this.writer.forget(new Set([s.acc]))
        break
      }
      case 'store':
        this.writer.store(s)
        break
      default:
        s satisfies never
    }
  }

  protected variable(acc: number, dtype: ComputeType, init: string): string {
    const name = this.writer.fresh('r')
    this.writer.line(`var ${name}: ${wgslTypes[dtype]} = ${init};`)
    this.writer.accumulators.set(acc, { name, dtype })
    this.writer.forget(new Set([acc]))
    return name
  }

  private loop(s: Extract<Stmt, { kind: 'loop' }>): void {
    this.writer.hoist([s.axis], s.body)
    const name = this.writer.fresh('a')
    this.writer.nameAxis(s.axis, name)
    const end = this.end(s)
    this.writer.block(`for (var ${name} = 0i; ${name} < ${end}; ${name}++)`, () =>
      // `body` of this class: inner loops are never shared by lanes
      ThreadPrinter.prototype.body.call(this, s.body),
    )
    this.writer.forget(changes(s.body).accumulators)
  }

  protected end(s: Extract<Stmt, { kind: 'loop' }>): string {
    const size = this.writer.uniforms.dim(s.axis.size)
    if (!s.end) return size
    const name = this.writer.fresh('e')
    this.writer.line(`let ${name} = min(${size}, ${this.writer.index(s.end)});`)
    return name
  }
}

/** Lanes share an item: its loops are strided over, everything else is computed by every lane, stores are made by the first. */
class LanePrinter extends ThreadPrinter {
  private readonly strategy: Strategy
  /** items are neighbours in memory: they, not the lanes, are neighbouring threads */
  private readonly columns: boolean
  private readonly memories = new Map<string, string>()
  private sets = 0
  /** buffers since the last barrier of storage */
  private touched = { read: new Set<number>(), stored: new Set<number>() }

  constructor(writer: Writer, strategy: Strategy, columns: boolean) {
    super(writer)
    this.strategy = strategy
    this.columns = columns
  }

  override begin(items: Dim, _threads: number, each: number): void {
    const { lanes } = this.strategy
    const { writer } = this
    writer.line(`let lane = ${this.columns ? `thread / ${each}u` : `thread % ${lanes}u`};`)
    writer.line(
      `let wanted = (${workgroupNumber}) * ${each}u + ${this.columns ? `thread % ${each}u` : `thread / ${lanes}u`};`,
    )
    writer.line(`let live = wanted < ${writer.uniforms.unsigned(items)};`)
    writer.line(`let first = live && lane == 0u;`)
    writer.line(`let item = min(wanted, ${writer.uniforms.unsigned(items)} - 1u);`)
  }

  override memory(): string {
    return [...this.memories].map(([name, type]) => `var<workgroup> ${name}: ${type};\n`).join('')
  }

  override body(statements: readonly Stmt[]): void {
    for (const s of statements) {
      const read = reads([s])
      const stored = changes([s]).buffers
      if (s.kind === 'store') {
        // every lane reads before the first one stores
        roots(s).forEach(e => void this.writer.value(e))
        this.order(read, none)
        this.order(none, stored)
        this.writer.store(s, 'first')
      } else {
        this.order(read, stored)
        if (s.kind === 'loop') this.share(s)
        else this.statement(s)
      }
    }
  }

  /** A barrier, where what comes next meets reads or stores of other lanes since the last one. */
  private order(read: ReadonlySet<number>, stored: ReadonlySet<number>): void {
    const { read: before, stored: changed } = this.touched
    if (!(stored.isDisjointFrom(before) && stored.isDisjointFrom(changed) && read.isDisjointFrom(changed))) {
      this.writer.line('storageBarrier();')
      this.touched = { read: new Set(), stored: new Set() }
    }
    read.forEach(b => void this.touched.read.add(b))
    stored.forEach(b => void this.touched.stored.add(b))
  }

  private share(s: Extract<Stmt, { kind: 'loop' }>): void {
    const { writer, strategy } = this
    const { axes, body } = flatten(s)
    writer.hoist(axes, body)
    const whole = s.reduces.map(acc => ({ acc, ...writer.accumulators.get(acc)!, op: combineOp(s, acc)! }))
    const parts = whole.map(({ acc, dtype, op }) =>
      this.variable(acc, dtype, this.writer.constant(startOf(op, dtype), dtype)),
    )
    const count = writer.fresh('e')
    const total = axes.length > 1 ? productDim(axes.map(a => a.size)) : axes[0].size
    const end = s.end ? `u32(max(0i, ${this.end(s)}))` : writer.uniforms.unsigned(total)
    writer.line(`let ${count} = select(0u, ${end}, live);`)
    const flat = writer.fresh('n')
    writer.block(`for (var ${flat} = lane; ${flat} < ${count}; ${flat} += ${strategy.lanes}u)`, () => {
      nameAxes(writer, axes, flat)
      super.body(body)
    })
    writer.forget(changes(s.body).accumulators)
    if (whole.length === 0) return
    const combined = this.combine(parts, whole)
    whole.forEach(({ acc, name, dtype, op }, i) => {
      writer.line(`${name} = ${reduceText(op, name, combined[i], dtype, writer.use)};`)
      writer.accumulators.set(acc, { name, dtype })
    })
    writer.forget(changes(s.body).accumulators)
  }

  /** What the parts of an item's lanes come to, in every lane. One barrier up to `radix` entries an item, one more for each power of it. */
  private combine(parts: readonly string[], whole: readonly { dtype: ComputeType; op: ReduceOp }[]): readonly string[] {
    const { writer } = this
    const { lanes, threads, subgroup = 1 } = this.strategy
    const width = this.columns ? 1 : Math.min(lanes, subgroup)
    if (width > 1) writer.enable('subgroups')
    for (let bit = 1; bit < width; bit *= 2)
      whole.forEach(({ dtype, op }, i) => {
        const other =
          dtype === 'bool'
            ? `(subgroupShuffleXor(u32(${parts[i]}), ${bit}u) != 0u)`
            : `subgroupShuffleXor(${parts[i]}, ${bit}u)`
        const name = writer.fresh('x')
        writer.line(`let ${name} = ${other};`)
        writer.line(`${parts[i]} = ${reduceText(op, parts[i], name, dtype, writer.use)};`)
      })
    let count = lanes / width
    if (count === 1) return parts
    const each = threads / lanes
    // of two sets of arrays: what one loop left is read until the barrier of the next one
    this.sets ^= 1
    const arraysOf = (level: number, entries: number): string[] =>
      whole.map(({ dtype }, i) => {
        const name = `w${this.sets}_${level}_${i}_${dtype}`
        this.memories.set(name, `array<${wgslTypes[dtype]}, ${entries * each}>`)
        return name
      })
    /** where entry `entry` of an item's `count` lies */
    const at = (entry: string): string =>
      this.columns ? `thread % ${each}u + (${entry}) * ${each}u` : `thread / ${lanes}u * ${count}u + ${entry}`
    const fold = (arrays: readonly string[], from: string, apart: number, entries: number): string[] => {
      const sums = whole.map(({ dtype }, i) => {
        const name = writer.fresh('x')
        writer.line(`var ${name}: ${wgslTypes[dtype]} = ${arrays[i]}[${at(from)}];`)
        return name
      })
      const step = writer.fresh('h')
      writer.block(`for (var ${step} = 1u; ${step} < ${entries}u; ${step}++)`, () =>
        whole.forEach(({ dtype, op }, i) => {
          const entry = `${arrays[i]}[${at(`${from} + ${step} * ${apart}u`)}]`
          writer.line(`${sums[i]} = ${reduceText(op, sums[i], entry, dtype, writer.use)};`)
        }),
      )
      return sums
    }
    let arrays = arraysOf(0, count)
    const put = (): void =>
      arrays.forEach((array, i) => void writer.line(`${array}[${at(`lane / ${width}u`)}] = ${parts[i]};`))
    if (width > 1) writer.block(`if (lane % ${width}u == 0u)`, put)
    else put()
    writer.line('workgroupBarrier();')
    for (let level = 1; count > radix; level++) {
      const fewer = Math.max(1, count / radix)
      const entries = count / fewer
      const next = arraysOf(level, fewer)
      writer.block(`if (lane < ${fewer}u)`, () => {
        const sums = fold(arrays, 'lane', fewer, entries)
        count = fewer
        next.forEach((array, i) => void writer.line(`${array}[${at('lane')}] = ${sums[i]};`))
      })
      arrays = next
      writer.line('workgroupBarrier();')
    }
    return fold(arrays, '0u', 1, count)
  }
}

const none: ReadonlySet<number> = new Set()
