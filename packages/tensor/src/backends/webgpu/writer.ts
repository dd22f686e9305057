// Prints expressions, indices and stores as WGSL. Each Expr becomes one `let` in the scope that first needs it; a scope
// ends with its block, and what an update or a store makes stale is forgotten. Loop printing is in print.ts.

import { type ComputeType, computeType, type DType } from '../../dtype.ts'
import { DTypeError } from '../../errors.ts'
import {
  changes,
  children,
  dependencies,
  indexDependencies,
  inOrder,
  overlap,
  roots,
  statementsOf,
} from '../../kernel/depends.ts'
import type { Dim } from '../../kernel/dim.ts'
import { isDim } from '../../kernel/dim.ts'
import type { Axis, Index } from '../../kernel/index-expr.ts'
import type { BinaryOp, Bounded, BufferParam, Expr, Stmt, UnaryOp } from '../../kernel/ir.ts'
import { unaryOps } from '../../kernel/ir.ts'
import { type FunctionName, functionText } from './functions.ts'
import { binaryText, castText, reduceText, unaryText, wgslTypes } from './operations.ts'
import { type StoredType, storedType } from './stored.ts'
import { Uniforms } from './uniforms.ts'

/** Extensions of WGSL. */
export type Extension = 'subgroups' | 'f16' | 'chromium_experimental_subgroup_matrix'

/** What goes before an extension: a thread's number by the size of a subgroup is the same in all of it, which Dawn does not see. */
const extensionText: Partial<Record<Extension, string>> = {
  chromium_experimental_subgroup_matrix: 'diagnostic(off, chromium.subgroup_matrix_uniformity);\n',
}

/** How a kernel is printed, besides its template. */
export interface How {
  /** indices outside of their axis are told */
  readonly checked?: boolean
  /** f16 is stored as such (stored.ts) */
  readonly half?: boolean
}

interface WriterOptions extends How {
  readonly uniforms?: Uniforms
  /** bindings read in vectors of four: they are only read, hold floats, and a multiple of four of them */
  readonly wide?: ReadonlySet<number>
}

interface Scope {
  readonly values: Map<Expr, string>
  /** quotients and remainders of indices, by their text */
  readonly texts: Map<string, string>
}

const unaries: ReadonlySet<string> = new Set(unaryOps)

export class Writer {
  readonly uniforms: Uniforms
  /** what accumulators are called here, by id; lanes print into private copies */
  readonly accumulators = new Map<number, { name: string; dtype: ComputeType }>()
  private readonly axes = new Map<number, string>()
  private readonly functions = new Set<FunctionName>()
  private readonly extensions = new Set<Extension>()
  private readonly scopes: Scope[] = [{ values: new Map(), texts: new Map() }]
  private readonly lines: string[] = []
  private readonly buffers: readonly BufferParam[]
  private readonly alias: readonly number[]
  private readonly wide: ReadonlySet<number>
  private readonly half: boolean
  private names = 0
  private readonly checked: boolean
  /** what each word of `outside` tells of: an index outside of its axis */
  readonly checks: Bounded[] = []

  /** `alias[i]` is the binding of buffer i: buffers of one memory share one. */
  constructor(
    buffers: readonly BufferParam[],
    alias: readonly number[],
    { uniforms = new Uniforms(), checked = false, half = false, wide = new Set() }: WriterOptions = {},
  ) {
    this.wide = wide
    this.uniforms = uniforms
    this.checked = checked
    this.half = half
    this.buffers = buffers
    this.alias = alias
    for (const { dtype } of buffers) if (storedType(dtype, half) === 'f16') this.enable('f16')
  }

  line(text: string): void {
    this.lines.push('  '.repeat(this.scopes.length) + text)
  }

  /** Prints a block: what it defines ends with it. */
  block(head: string, body: () => void): void {
    this.line(`${head} {`)
    this.scopes.push({ values: new Map(), texts: new Map() })
    body()
    this.scopes.pop()
    this.line('}')
  }

  fresh(prefix: string): string {
    return `${prefix}${this.names++}`
  }

  readonly use = (name: FunctionName): FunctionName => {
    this.functions.add(name)
    return name
  }

  /** Turns on an extension of WGSL, whose feature the device has. */
  enable(extension: Extension): void {
    this.extensions.add(extension)
  }

  nameAxis(axis: Axis, text: string): void {
    this.axes.set(axis.id, text)
  }

  /** The whole shader. `extra` holds declarations of the kernel's own, such as workgroup memory. */
  shader(threads: number, extra: string): string {
    const bindings = [...new Set(this.alias)]
      .sort((a, b) => a - b)
      .map(
        at =>
          `@group(0) @binding(${at}) var<storage, read_write> b${at}: array<${this.wide.has(at) ? `vec4<${this.bindingType(at)}>` : this.bindingType(at)}>;\n`,
      )
    const enabled = [...this.extensions].map(name => `${extensionText[name] ?? ''}enable ${name};\n`).join('')
    const outside = this.checks.length
      ? `@group(0) @binding(${bindings.length + 1}) var<storage, read_write> outside: array<atomic<i32>>;\n`
      : ''
    return `${enabled}${this.uniforms.text(bindings.length)}${bindings.join('')}${outside}${extra}${functionText(this.functions)}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) thread: u32) {
${this.lines.join('\n')}
}
`
  }

  private bindingType(binding: number): StoredType {
    return this.stored(this.buffers[this.alias.indexOf(binding)].dtype)
  }

  private stored(dtype: DType): StoredType {
    return storedType(dtype, this.half)
  }

  /** Whether a dtype is a float of four bytes or of two in memory here, so that it can be read in vectors. */
  isFloat(dtype: DType): boolean {
    return ['f32', 'f16'].includes(this.stored(dtype))
  }

  /** An expression as a literal or a name. */
  value(e: Expr): string {
    const text = this.known(e)
    if (text !== undefined) return text
    // children first, so that deep chains do not recurse
    for (const x of inOrder(e, child => this.known(child) !== undefined)) this.define(x)
    return this.known(e)!
  }

  private known(e: Expr): string | undefined {
    if (e.op === 'const') return this.constant(e.value, e.dtype)
    if (e.op === 'scalar') return this.uniforms.scalar(e.slot, e.dtype)
    if (e.op === 'acc') return this.accumulators.get(e.id)!.name
    for (let i = this.scopes.length - 1; i >= 0; i--) {
      const name = this.scopes[i].values.get(e)
      if (name) return name
    }
    return undefined
  }

  private define(e: Expr): void {
    if (e.op === 'const' || e.op === 'scalar' || e.op === 'acc' || this.known(e) !== undefined) return
    this.scopes.at(-1)!.values.set(e, this.compute(e))
  }

  private compute(e: Exclude<Expr, { op: 'const' | 'scalar' | 'acc' }>): string {
    if (!wgslTypes[e.dtype]) throw new DTypeError('webgpu', 'a dtype that GPUs do not compute', { dtype: e.dtype })
    switch (e.op) {
      case 'load':
        return this.load(e)
      case 'index':
        return this.bind(this.index(e.index))
      case 'where': {
        const [condition, yes, no] = this.operands(e.args)
        return this.bind(`select(${no}, ${yes}, ${condition})`)
      }
      case 'fma': {
        const [a, b, c] = this.operands(e.args)
        return this.bind(e.dtype === 'f32' ? `fma(${a}, ${b}, ${c})` : `${a} * ${b} + ${c}`)
      }
      case 'bounded':
        return this.bounded(e)
      case 'cast':
        return this.bind(castText(this.operands(e.args)[0], e.args[0].dtype, e.dtype, this.use))
      case 'roundTo':
        return this.bind(`${this.use(e.to === 'f16' ? 'round_f16' : 'round_bf16')}(${this.operands(e.args)[0]})`)
      case 'bitcast':
        return this.bind(`bitcast<${e.dtype}>(${this.operands(e.args)[0]})`)
      default: {
        const of = e.args[0].dtype
        const args = this.operands(e.args)
        if (unaries.has(e.op)) return this.bind(unaryText[e.op as UnaryOp](args[0], of, this.use))
        return this.bind(binaryText[e.op as BinaryOp](args[0], args[1], of, this.use))
      }
    }
  }

  /** Arguments as text. If all are constants, one becomes a variable: a constant expression that overflows does not compile. */
  private operands(args: readonly Expr[]): string[] {
    const texts = args.map(a => this.value(a))
    if (args.every(a => a.op === 'const')) {
      const name = this.fresh('c')
      this.line(`var ${name} = ${texts[0]};`)
      texts[0] = name
    }
    return texts
  }

  private bind(text: string): string {
    const name = this.fresh('v')
    this.line(`let ${name} = ${text};`)
    return name
  }

  /** Clamped; where indices are checked, one outside is told first. */
  private bounded(e: Bounded): string {
    const [at] = this.operands(e.args)
    const size = this.uniforms.dim(e.size)
    if (this.checked) {
      this.line(`if (u32(${at}) >= u32(${size})) { atomicStore(&outside[${this.checks.length}], ${at}); }`)
      this.checks.push(e)
    }
    // an axis of size 0 has no last index: constants may not cross, even in a kernel that no item runs
    return this.bind(`clamp(${at}, 0i, max(${size} - 1i, 0i))`)
  }

  private load(e: Extract<Expr, { op: 'load' }>): string {
    const valid = e.valid ? this.value(e.valid) : null
    const read = this.read(e.buffer, this.index(e.index))
    const text = castText(read, computeType(this.buffers[e.buffer].dtype), e.dtype, this.use)
    if (valid === null) return this.bind(text)
    const name = this.fresh('v')
    this.line(`var ${name} = ${this.constant(0, e.dtype)};`)
    this.line(`if (${valid}) { ${name} = ${text}; }`)
    return name
  }

  /** A stored element in its compute type. */
  read(buffer: number, index: string): string {
    const place = this.place(buffer, index)
    const { dtype } = this.buffers[buffer]
    const own = this.stored(dtype)
    if (own === 'f16') return `f32(${place})`
    const text = own === this.bindingType(this.alias[buffer]) ? place : `bitcast<${own}>(${place})`
    return dtype === 'bool' ? `(${text} != 0u)` : text
  }

  /** Four elements that begin at a multiple of four, of a binding in `wide`. */
  readFour(buffer: number, index: string): string {
    const four = `b${this.alias[buffer]}[(${index}) / 4]`
    return this.bindingType(this.alias[buffer]) === 'f16' ? `vec4f(${four})` : four
  }

  place(buffer: number, index: string): string {
    const binding = `b${this.alias[buffer]}`
    return this.wide.has(this.alias[buffer]) ? `${binding}[(${index}) / 4][(${index}) % 4]` : `${binding}[${index}]`
  }

  /** A constant as text; what WGSL cannot write goes through the uniform block. */
  constant(value: number, dtype: ComputeType): string {
    switch (dtype) {
      case 'bool':
        return value ? 'true' : 'false'
      case 'u32':
        return `${value >>> 0}u`
      case 'i32': {
        const whole = value | 0
        return whole < 0 ? `i32(${whole})` : `${whole}i`
      }
      case 'f32': {
        const rounded = Math.fround(value)
        if (Number.isNaN(rounded)) return `bitcast<f32>(${this.uniforms.bits(0x7fc00000)})`
        if (!Number.isFinite(rounded))
          return `bitcast<f32>(${this.uniforms.bits(rounded > 0 ? 0x7f800000 : 0xff800000)})`
        if (Object.is(rounded, -0)) return 'bitcast<f32>(0x80000000u)'
        return rounded < 0 ? `(${rounded}f)` : `${rounded}f`
      }
      default:
        throw new DTypeError('webgpu', 'a dtype that GPUs do not compute', { dtype })
    }
  }

  /** An index as an i32 expression, safe inside brackets or parentheses. */
  index(index: Index): string {
    if (index.terms.length === 0) return '0i'
    return index.terms
      .map(({ atom, coef }) => {
        if (!atom) return this.uniforms.dim(coef)
        const text = this.atom(atom)
        return isDim(coef, 1) ? text : isDim(coef, -1) ? `-${text}` : `${text} * ${this.uniforms.dim(coef)}`
      })
      .join(' + ')
  }

  private atom(atom: NonNullable<Index['terms'][number]['atom']>): string {
    switch (atom.kind) {
      case 'axis':
        return this.axes.get(atom.axis.id)!
      case 'value':
        return castText(this.value(atom.value), atom.value.dtype, 'i32', this.use)
      case 'div':
        return this.quotient(atom.of, '/', atom.by)
      case 'mod':
        return this.quotient(atom.of, '%', atom.by)
      default:
        return atom satisfies never
    }
  }

  /** Unsigned division is the faster one, and its operands are never negative where the value counts. */
  private quotient(of: Index, sign: '/' | '%', by: Dim): string {
    const text = `i32(u32(${this.index(of)}) ${sign} ${this.uniforms.unsigned(by)})`
    for (let i = this.scopes.length - 1; i >= 0; i--) {
      const name = this.scopes[i].texts.get(text)
      if (name) return name
    }
    const name = this.fresh('q')
    this.line(`let ${name} = ${text};`)
    if (indexDependencies(of).accumulators.size === 0) this.scopes.at(-1)!.texts.set(text, name)
    return name
  }

  /** Prints a store of the language; `guard` is one more condition. */
  store(s: Extract<Stmt, { kind: 'store' }>, guard: string | null = null): void {
    const { dtype } = this.buffers[s.buffer]
    const compute = computeType(dtype)
    const index = this.index(s.index)
    const given = this.value(s.value)
    const value = s.value.dtype === compute ? given : this.bind(castText(given, s.value.dtype, compute, this.use))
    const valid = s.valid ? this.value(s.valid) : null
    const result = s.mode === 'set' ? value : reduceText(s.mode, this.read(s.buffer, index), value, compute, this.use)
    const own = this.stored(dtype)
    const stored = this.narrow(result, dtype)
    const bound = this.bindingType(this.alias[s.buffer])
    const text = `${this.place(s.buffer, index)} = ${own === bound ? stored : `bitcast<${bound}>(${stored})`};`
    const conditions = [guard, valid].filter(c => c !== null)
    this.line(conditions.length ? `if (${conditions.join(' && ')}) { ${text} }` : text)
  }

  private narrow(value: string, dtype: DType): string {
    switch (dtype) {
      case 'f16':
        // rounded to even first: a conversion of WGSL may round either way
        return this.half ? `f16(${this.use('round_f16')}(${value}))` : `${this.use('round_f16')}(${value})`
      case 'bf16':
        return `${this.use('round_bf16')}(${value})`
      case 'i8':
        return `((${value}) << 24u) >> 24u`
      case 'u8':
        return `(${value}) & 0xffu`
      case 'bool':
        return `select(0u, 1u, ${value})`
      default:
        return value
    }
  }

  /**
   * Drops what was computed from accumulators that have changed since. Loads stay: in one pass through a body an Expr has
   * one value, so that an assignment in place and its other readers agree on the old one.
   */
  forget(accumulators: ReadonlySet<number>): void {
    for (const { values } of this.scopes)
      for (const e of values.keys()) if (!dependencies(e).accumulators.isDisjointFrom(accumulators)) values.delete(e)
  }

  /** Before a loop: forgets what its body changes and computes here what no iteration changes. */
  hoist(axes: readonly Axis[], body: readonly Stmt[]): void {
    const inside = changes(body)
    this.forget(inside.accumulators)
    const changed = { ...inside, axes: new Set([...inside.axes, ...axes.map(a => a.id)]) }
    const seen = new Set<Expr>()
    const lift = (root: Expr): void => {
      const stack = [root]
      while (stack.length > 0) {
        const e = stack.pop()!
        if (seen.has(e) || e.op === 'const' || e.op === 'scalar' || e.op === 'acc') continue
        seen.add(e)
        if (overlap(dependencies(e), changed)) {
          stack.push(...children(e))
          if (e.op === 'load' || e.op === 'index') liftIndex(e.index)
        } else this.value(e)
      }
    }
    const liftIndex = (index: Index): void => {
      for (const { atom } of index.terms) {
        if (atom?.kind === 'div' || atom?.kind === 'mod') {
          if (overlap(indexDependencies(atom.of), changed)) liftIndex(atom.of)
          else this.atom(atom)
        }
      }
    }
    for (const s of statementsOf(body)) {
      if (s.kind === 'loop' && s.end) liftIndex(s.end)
      if (s.kind === 'store') liftIndex(s.index)
      roots(s).forEach(lift)
    }
  }
}
