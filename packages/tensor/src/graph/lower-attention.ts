// A group of attention nodes (schedule.ts brings the results of one pass together) as its kernel, or two kernels for the gradients where
// the device wants items that never wait for each other.

import { computeType } from '../dtype.ts'
import { type Axis, axisIndex } from '../kernel/index-expr.ts'
import type { AttentionKernel, Expr, Place } from '../kernel/ir.ts'
import { attentionOps, attentionSources } from '../primitives/attention-sources.ts'
import { valueRef } from './emit.ts'
import type { Frame, Lowered, LowerOptions } from './frame.ts'
import type { GNode } from './gnode.ts'
import type { Group } from './group.ts'
import { storedAs } from './places.ts'

let axisIds = 2_000_000
const newAxis = (size: GNode['shape'][number]): Axis => ({ id: axisIds++, size })

export function lowerAttention(
  group: Group,
  { splitAttention, buffersPerKernel }: LowerOptions,
  open: (own: ReadonlySet<GNode>) => Frame,
  name: string,
): Lowered[] {
  const outputs = [...group.outputs.keys()].map((stored): Output => ({ node: computed(stored), stored }))
  const [keys, values] = [1, 2].map(axis => outputs.filter(o => o.node.axis === axis))
  const own = new Set(outputs.map(o => o.stored))
  const part = (of: readonly Output[]): Lowered[] => (of.length > 0 ? [lowerPart(of, open(own), name)] : [])
  if (!splitAttention || group.anchor!.op !== 'attentionGrad') return part(outputs)
  const both = part([...keys, ...values])
  const fits = both.every(({ kernel }) => kernel.buffers.length <= buffersPerKernel)
  return [...part(outputs.filter(o => o.node.axis === 0)), ...(fits ? both : [...part(keys), ...part(values)])]
}

interface Output {
  readonly node: GNode
  /** itself, or a copy of views of it that is stored in its place */
  readonly stored: GNode
}

function computed(stored: GNode): GNode {
  let at = stored
  while (!attentionOps.has(at.op)) at = at.sources[0]
  return at
}

function lowerPart(outputs: readonly Output[], frame: Frame, name: string): Lowered {
  const [
    {
      node: { op, mode, sources },
    },
  ] = outputs
  const { q, k, v, scale, starts, ends, mask, rest } = attentionSources(sources, mode)
  const [batch, query, head, group, width] = q.shape.map(newAxis)
  const [key, out] = [k.shape[1], v.shape[3]].map(newAxis)
  const axes = { batch, head, group, query, key, width, out }

  const operand = (x: GNode | null | undefined, ...over: readonly Axis[]): Place | null => {
    if (!x) return null
    const e = frame.emitter.value(x, over.map(axisIndex))
    if (e.op !== 'load') throw new Error(`attention: an operand is not in memory: ${x.op}`)
    return { buffer: e.buffer, index: e.index }
  }
  const factor: Expr = frame.emitter.value(scale, [])
  if (factor.op !== 'const' && factor.op !== 'scalar') throw new Error('attention: the scale is no number')
  const [g, lse, delta] = rest
  const operands = {
    q: operand(q, batch, query, head, group, width)!,
    k: operand(k, batch, key, head, width)!,
    v: operand(v, batch, key, head, out)!,
    starts: operand(starts, batch, query),
    ends: operand(ends, batch, query),
    mask: operand(mask, batch, head, group, query, key),
    g: operand(g, batch, query, head, group, out),
    lse: operand(lse, batch, query, head, group),
    delta: operand(delta, batch, query, head, group),
  }

  const result = (which: (n: GNode) => boolean, ...over: readonly Axis[]): Place | null => {
    const output = outputs.find(o => which(o.node))
    if (!output) return null
    const { node, stored } = output
    const ref = valueRef(stored)
    const value: Expr = { op: 'const', dtype: computeType(node.dtype), value: 0 }
    const store = frame.store(ref, storedAs(stored, node, over)!, value)
    if (store.kind !== 'store') throw new Error('attention: no store')
    frame.sources.set(ref.key, new Set(frame.refs.map(r => r.key)))
    return { buffer: store.buffer, index: store.index }
  }
  const gradient = (axis: number) => (n: GNode) => n.op === 'attentionGrad' && n.axis === axis
  const results = {
    out: result(n => n.op === 'attention', batch, query, head, group, out),
    lse: result(n => n.op === 'attentionLse', batch, query, head, group),
    dq: result(gradient(0), batch, query, head, group, width),
    dk: result(gradient(1), batch, key, head, width),
    dv: result(gradient(2), batch, key, head, out),
  }
  const kernel: AttentionKernel = {
    kind: 'attention',
    pass: op === 'attentionGrad' ? 'gradients' : 'forward',
    ...frame.head(name),
    axes,
    scale: factor,
    operands,
    results,
  }
  return frame.lowered(kernel)
}
