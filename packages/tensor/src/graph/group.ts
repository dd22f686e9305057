// A group is a kernel to be: iteration axes, the stored results with their place on these axes, and the reductions inside it; and what of a node
// decides whether it joins one.

import type { Axis, Index } from '../kernel/index-expr.ts'
import { attentionOps } from '../primitives/attention-sources.ts'
import type { GNode } from './gnode.ts'

export interface Group {
  readonly id: number
  /** the whole iteration space; `inner` axes are among them */
  axes: Axis[]
  /** axes that reductions of this group run over */
  inner: Axis[]
  anchor: GNode | null
  /** stored results, each with its index in terms of the axes */
  readonly outputs: Map<GNode, readonly Index[]>
  /** reductions computed here, each with the axes it runs over in order, and its own index */
  readonly reduces: Map<GNode, { readonly over: readonly Axis[]; readonly index: readonly Index[] }>
  /** groups whose results this one reads */
  readonly needs: Set<Group>
  /** buffers it binds, as far as known: nodes to load, plus its outputs */
  readonly loads: Set<GNode>
  /** nodes evaluated in it so far */
  size: number
}

export interface Request {
  readonly group: Group
  /** where the node is evaluated, in the group's axes; null when masked or moved: may be inlined there, not stored */
  readonly index: readonly Index[] | null
  /** the same for requests that one evaluation serves: the index, or the views on the way to a masked place */
  readonly place: string
  /** the kernel reads it from memory in any case */
  readonly stored: boolean
}

const reduceOps: ReadonlySet<string> = new Set(['sum', 'prod', 'amax', 'amin'])
/** ops that are the heart of a kernel, never inside another one */
export const alone: ReadonlySet<string> = new Set(['matmul', 'scatter', 'custom', 'program', ...attentionOps])
const leafOps: ReadonlySet<string> = new Set(['storage', 'scalar', 'constant'])
export const isReduce = (n: GNode): boolean => reduceOps.has(n.op)
export const isLeaf = (n: GNode): boolean => leafOps.has(n.op)

/** Rough cost of computing an op again, in additions. */
const weights: Readonly<Record<string, number>> = {
  exp: 10,
  log: 10,
  log1p: 12,
  expm1: 12,
  sin: 14,
  cos: 14,
  tan: 20,
  tanh: 12,
  erf: 14,
  pow: 20,
  atan2: 20,
  div: 3,
  sqrt: 3,
  rsqrt: 5,
  reciprocal: 3,
  mod: 6,
  randomBits: 100,
  gather: 3,
  cat: 4,
}
export const weightOf = (op: string): number => weights[op] ?? 1
/** A stored value is computed again by its readers when that costs at most this much. */
export const cheap = 4
/** As much where each of them reads all that it is made from anyway: what is not stored then is written once and read by each for nothing. */
export const cheapFromLoads = 8
export function dependsOn(group: Group, on: Group): boolean {
  const seen = new Set<Group>()
  const stack = [group]
  while (stack.length) {
    const at = stack.pop()!
    if (at === on) return true
    if (seen.has(at)) continue
    seen.add(at)
    stack.push(...at.needs)
  }
  return false
}
