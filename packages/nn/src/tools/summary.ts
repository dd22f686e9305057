// What a model is made of: one line for each module, with the shape of its result, its parameters, and the operations of its forward pass. The pass is
// only described, never run: operations are counted from the graph that it leaves.

import { noGrad, Tensor } from '@cairn/tensor'
import type { Module } from '../module.ts'

type Node = Tensor['node']

export interface SummaryRow {
  /** path of the module; '' for the whole */
  readonly name: string
  readonly type: string
  /** shape of its (last) result; null when it was not called, or returned no tensor */
  readonly shape: readonly number[] | null
  /** numbers that it owns itself or below, tied ones once */
  readonly parameters: number
  /** of these, those that learn */
  readonly trainable: number
  /** operations of all its calls, what is below included; a multiply-add is two, a function such as exp is one */
  readonly flops: number
}

export interface Summary {
  readonly rows: readonly SummaryRow[]
  readonly parameters: number
  readonly trainable: number
  /** bytes of parameters and buffers */
  readonly bytes: number
  readonly flops: number
  toString(): string
}

type Forward = (...args: unknown[]) => unknown
type Seen = { shape: readonly number[] | null; flops: number }

/**
 * A table of the modules of a model, for a forward pass over `args`, in evaluation mode. Nothing is computed.
 * @param args what `forward` takes
 */
export function summary<A extends readonly unknown[]>(
  module: Module & { forward(...args: A): unknown },
  ...args: A
): Summary {
  const seen = new Map<Module, Seen>()
  const undo: (() => void)[] = []
  const modules = [...new Set(module.modules())]
  const modes = modules.map(m => m.training)
  try {
    module.eval()
    for (const m of modules) undo.push(watch(m, seen))
    noGrad(() => (module as unknown as { forward: Forward }).forward(...args))
  } finally {
    for (const restore of undo) restore()
    modules.forEach((m, i) => {
      m.training = modes[i]
    })
  }
  const rows: SummaryRow[] = []
  const walk = (m: Module, name: string): void => {
    const own = m.parameters()
    const size = (list: readonly Tensor[]) => list.reduce((n, p) => n + p.size, 0)
    rows.push({
      name,
      type: m.constructor.name,
      shape: seen.get(m)?.shape ?? null,
      parameters: size(own),
      trainable: size(own.filter(p => p.requiresGrad)),
      flops: seen.get(m)?.flops ?? 0,
    })
    for (const [key, child] of m.namedChildren()) walk(child, name ? `${name}.${key}` : key)
  }
  walk(module, '')
  const [{ parameters, trainable, flops }] = rows
  const tensors = [...module.parameters(), ...module.buffers()]
  const bytes = tensors.reduce((n, t) => n + t.size * widthOf(t.dtype), 0)
  return { rows, parameters, trainable, bytes, flops, toString: () => table(rows, bytes) }
}

function watch(module: Module, seen: Map<Module, Seen>): () => void {
  const holder = module as unknown as { forward?: Forward }
  const plain = holder.forward
  if (!plain) return () => {}
  const before = Object.getOwnPropertyDescriptor(holder, 'forward')
  const value: Forward = (...args) => {
    const given = new Set<Node>()
    eachTensor(args, t => given.add(t.node))
    const result = plain.apply(module, args)
    let [shape, flops]: [readonly number[] | null, number] = [null, 0]
    const counted = new Set<Node>(given)
    eachTensor(result, t => {
      shape ??= t.shape
      flops += operations(t.node, counted)
    })
    seen.set(module, { shape, flops: (seen.get(module)?.flops ?? 0) + flops })
    return result
  }
  Object.defineProperty(holder, 'forward', { value, configurable: true, writable: true, enumerable: false })
  return () => {
    if (before) Object.defineProperty(holder, 'forward', before)
    else delete holder.forward
  }
}

function eachTensor(value: unknown, visit: (t: Tensor) => void): void {
  if (value instanceof Tensor) visit(value)
  else if (Array.isArray(value)) for (const item of value) eachTensor(item, visit)
  else if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype)
    for (const item of Object.values(value)) eachTensor(item, visit)
}

/** Ops that move, name or make elements without arithmetic. */
const free = new Set(
  'storage scalar constant identity detach reshape permute expand slice flip pad window cast bitcast iota gather shortcut'.split(
    ' ',
  ),
)

/** Arithmetic between the nodes that were counted or given, and this one. */
function operations(root: Node, counted: Set<Node>): number {
  let total = 0
  const stack = [root]
  while (stack.length) {
    const node = stack.pop()!
    if (counted.has(node)) continue
    counted.add(node)
    stack.push(...node.sources)
    total += operationsOf(node)
  }
  return total
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1)

function operationsOf(node: Node): number {
  if (free.has(node.op)) return 0
  const [a, b] = node.sources
  if (node.op === 'matmul') return 2 * sizeOf(node.shape) * a.shape[a.shape.length - 1]
  // scores and their mix: q [batch, queries, kvHeads, group, width], k [batch, keys, kvHeads, width]
  if (node.op === 'attention') return 2 * b.shape[1] * (sizeOf(a.shape) + sizeOf(node.shape))
  // a reduction looks at what it reduces, everything else makes each element once
  return Math.max(sizeOf(node.shape), ...node.sources.map(s => (s.op === 'scalar' ? 0 : sizeOf(s.shape))))
}

const widthOf = (dtype: string): number =>
  ({ f64: 8, i64: 8, f16: 2, bf16: 2, i8: 1, u8: 1, bool: 1 })[dtype as 'f64'] ?? 4

function table(rows: readonly SummaryRow[], bytes: number): string {
  const head = ['module', 'result', 'parameters', 'FLOP']
  const lines = rows.map(r => {
    const depth = r.name === '' ? 0 : r.name.split('.').length
    const name = r.name === '' ? r.type : `${r.name} (${r.type})`
    return [
      '  '.repeat(depth) + name,
      r.shape ? `[${r.shape.join(', ')}]` : '-',
      r.parameters.toLocaleString('en-US') +
        (r.trainable < r.parameters ? ` (${r.trainable.toLocaleString('en-US')} learn)` : ''),
      r.flops.toLocaleString('en-US'),
    ]
  })
  const widths = head.map((h, i) => Math.max(h.length, ...lines.map(l => l[i].length)))
  const line = (cells: readonly string[]) =>
    cells.map((c, i) => (i < 2 ? c.padEnd(widths[i]) : c.padStart(widths[i]))).join('  ')
  return [line(head), ...lines.map(line), `${(bytes / 1e6).toFixed(2)} MB of parameters and buffers`].join('\n')
}
