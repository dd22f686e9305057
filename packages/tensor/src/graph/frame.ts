// A kernel while it is made: what it binds, which scalars it takes, what it loads and stores.

import type { computeType } from '../dtype.ts'
import { dependencies } from '../kernel/depends.ts'
import { type Dim, isDim, productDim } from '../kernel/dim.ts'
import type { Axis, Index } from '../kernel/index-expr.ts'
import type { BufferParam, Expr, Kernel, LoopKernel, ReduceOp, Stmt } from '../kernel/ir.ts'
import { mergeParallelAxes } from '../kernel/merge-axes.ts'
import { type Access, Emitter, type Ref, type Scope, valueRef } from './emit.ts'
import type { GNode } from './gnode.ts'
import { type Group, isLeaf } from './group.ts'
import { flatIndex, viewOps } from './views.ts'

export interface Lowered {
  readonly kernel: Kernel
  /** what each buffer of the kernel is */
  readonly refs: readonly Ref[]
  /** for each scalar of the kernel, the slot in the graph's table */
  readonly scalars: readonly number[]
  readonly reads: readonly Access[]
  readonly writes: readonly Access[]
  /** for each result it stores, by the key of its Ref: the keys of what its value is loaded from */
  readonly sources: ReadonlyMap<string, ReadonlySet<string>>
}

export interface LowerOptions {
  /** kernels may keep a row in scratch memory */
  readonly scratch: boolean
  /** the ref under which a node's or leaf's memory is bound: in-place results share one */
  readonly place: (ref: Ref) => Ref
  readonly stored: (node: GNode) => boolean
  /** dq and the gradients of k and v by one kernel each: threads that cannot wait for each other */
  readonly splitAttention: boolean
  readonly buffersPerKernel: number
  /** rows of a piece of columns (long.ts) */
  readonly columnPiece: number
}

let axisIds = 1_000_000
export const fresh = (): number => axisIds++
export const newAxis = (size: Dim): Axis => ({ id: fresh(), size })

/** Collects what a kernel binds while its expressions are made. */
export class Frame implements Scope {
  readonly refs: Ref[] = []
  readonly access: BufferParam['access'][] = []
  readonly scalars: number[] = []
  readonly scalarTypes: ReturnType<typeof computeType>[] = []
  readonly writes: Access[] = []
  readonly locals = new Map<GNode, (index: readonly Index[]) => Expr | null>()
  readonly emitter: Emitter
  readonly #options: LowerOptions
  readonly #own: ReadonlySet<GNode>

  constructor(options: LowerOptions, own: ReadonlySet<GNode>) {
    this.#options = options
    this.#own = own
    this.emitter = new Emitter(this)
  }
  stored(node: GNode): boolean {
    return !this.#own.has(node) && this.#options.stored(node)
  }
  local(node: GNode, index: readonly Index[]): Expr | null {
    return this.locals.get(node)?.(index) ?? null
  }
  buffer(ref: Ref, access: 'read' | 'write' = 'read'): number {
    const placed = this.#options.place(ref)
    let at = this.refs.findIndex(r => r.key === placed.key)
    if (at < 0) {
      at = this.refs.length
      this.refs.push(placed)
      this.access.push(access)
    } else if (this.access[at] !== access) this.access[at] = 'readwrite'
    return at
  }
  scalar(slot: number, dtype: ReturnType<typeof computeType>): number {
    const at = this.scalars.findIndex((s, i) => s === slot && this.scalarTypes[i] === dtype)
    if (at >= 0) return at
    this.scalars.push(slot)
    this.scalarTypes.push(dtype)
    return this.scalars.length - 1
  }
  store(ref: Ref, index: Index, value: Expr, mode: 'set' | ReduceOp = 'set', valid: Expr | null = null): Stmt {
    this.writes.push({ ref, index })
    const buffer = this.buffer(ref, 'write')
    if (mode !== 'set' && this.access[buffer] === 'write') this.access[buffer] = 'readwrite'
    return { kind: 'store', buffer, index, value, mode, valid }
  }
  head(name: string) {
    const buffers: BufferParam[] = this.refs.map((r, i) => ({
      dtype: r.dtype,
      access: this.access[i],
      size: productDim(r.shape),
    }))
    return { name, buffers, scalars: this.scalarTypes }
  }
  readonly sources = new Map<string, ReadonlySet<string>>()

  /**
   * Stores of results in an order in which each value is loaded before a result overwrites what it is loaded from. Where the results of an
   * optimizer are written in place, the parameter, made from the moments, goes before them.
   */
  stores(results: Iterable<readonly [GNode, readonly Index[]]>): Stmt[] {
    const values = [...results].map(([node, index]) => {
      const ref = valueRef(node)
      const value = this.emitter.value(node, index)
      const read = dependencies(value).buffers
      this.sources.set(ref.key, new Set([...read].flatMap(b => (b >= 0 ? [this.refs[b].key] : []))))
      return { ref, value, read, to: this.#options.place(ref).key, index: flatIndex(index, node.shape) }
    })
    const body: Stmt[] = []
    while (values.length) {
      const free = values.findIndex(
        v => !values.some(w => w !== v && [...w.read].some(b => this.refs[b]?.key === v.to)),
      )
      const [next] = values.splice(Math.max(0, free), 1)
      body.push(this.store(next.ref, next.index, next.value))
    }
    return body
  }

  /** A kernel of loops over axes: as few of them as its accesses allow. */
  loops(
    name: string,
    parallel: readonly Axis[],
    body: readonly Stmt[],
    more: Partial<Pick<LoopKernel, 'vector' | 'scratch'>> = {},
  ): Lowered {
    const over = parallel.filter(isLoop)
    const kernel = {
      kind: 'loop',
      ...this.head(name),
      parallel: over,
      vector: true,
      scratch: [],
      body,
      ...more,
    } as const
    return this.lowered(mergeParallelAxes(kernel, fresh))
  }

  lowered(kernel: Kernel): Lowered {
    const { refs, scalars, writes, sources } = this
    return { kernel, refs, scalars, reads: this.emitter.loads, writes, sources }
  }
}

/** The ops that a kernel runs, for profiles and errors. */
export function nameOf(group: Group, options: LowerOptions): string {
  const ops = new Set<string>()
  const seen = new Set<GNode>()
  const walk = (node: GNode, top: boolean): void => {
    if (seen.has(node) || ops.size > 11) return
    seen.add(node)
    if (isLeaf(node) || (!top && options.stored(node) && !group.reduces.has(node))) return
    for (const s of node.sources) walk(s, group.outputs.has(s) || s === group.anchor)
    if (!viewOps.has(node.op) && node.op !== 'copy') ops.add(node.op)
  }
  for (const node of group.outputs.keys()) walk(node, true)
  const [first] = group.outputs.keys()
  return `${[...ops].join(' ') || 'copy'} [${first.shape.map(d => d.sample).join(', ')}]`
}

export const ownNodes = (group: Group): Set<GNode> =>
  new Set([...group.outputs.keys(), ...group.reduces.keys(), ...(group.anchor ? [group.anchor] : [])])

export const isLoop = (axis: Axis): boolean => !isDim(axis.size, 1)
