// How the items of a loop kernel meet the threads of a GPU. One thread an item is right for maps and for reductions over
// columns; a row that is long is shared by `lanes` threads of a workgroup, which stride over its loops and combine their
// accumulators in a fixed tree, by exchange within subgroups and through workgroup memory between them. Chosen from the sample sizes, right for every size.

import { statementsOf } from '../../kernel/depends.ts'
import type { LoopKernel, ReduceOp, Stmt } from '../../kernel/ir.ts'

export interface Strategy {
  /** threads of a workgroup */
  readonly threads: number
  /** threads of one item, a power of two; 1: each thread runs whole items */
  readonly lanes: number
  /** neighbouring threads that exchange values directly, a power of two; 1, the default: none do */
  readonly subgroup?: number
}

export interface ThreadLimits {
  /** invocations of a workgroup, at most */
  readonly threads: number
  /** bytes of workgroup memory */
  readonly workgroupBytes: number
  /** a CPU pretending to be a GPU: few threads keep it busy, and barriers are slow */
  readonly software: boolean
  /** neighbouring threads that can exchange values directly, a power of two (subgroups.ts); 1: none */
  readonly subgroup: number
  /** buffers that a kernel may bind; default: enough */
  readonly buffersPerKernel?: number
}

/** Entries that one thread combines at a time: a barrier for each power of it, rather than for each power of two. */
export const radix = 16

type Loop = Extract<Stmt, { kind: 'loop' }>

/** Items that keep a large GPU busy with one thread each. */
const manyItems = 1 << 15

export function chooseStrategy(kernel: LoopKernel, limits: ThreadLimits): Strategy {
  const items = kernel.parallel.reduce((n, axis) => n * axis.size.sample, 1)
  const length = sharedLength(kernel)
  // few items: all the threads that a workgroup may have, since only that many processors will work
  const wide = items < 32 ? 1024 : 256
  const most = floorPower(Math.min(wide, limits.threads, entriesOf(kernel, limits)))
  const { subgroup } = limits
  let lanes = 1
  if (limits.software) {
    // measured on SwiftShader: 2048 rows of 64 take 4 ms by one thread each, 35 ms by 16 lanes each
    if (items < 8 && length >= 1024) lanes = Math.min(16, most)
  } else if (length >= 32 && most >= 32) {
    if (!kernel.vector) {
      // neighbours of a row lie beside each other: lanes read whole cache lines
      lanes = Math.min(most, floorPower(length / 2))
      // rows enough to fill the device by one subgroup each: no thread waits for another one
      if (subgroup >= 16 && subgroup < lanes && items * subgroup >= manyItems && length <= 64 * subgroup)
        lanes = subgroup
    } else if (items < manyItems && length >= 64) {
      // columns: neighbouring items read whole cache lines; lanes only add threads
      const wanted = Math.min(floorPower(manyItems / Math.max(1, items)), floorPower(length / 16))
      lanes = Math.min(wanted, items >= 32 ? most / 32 : most)
    }
  }
  if (lanes > 1) return { threads: limits.software ? lanes : Math.max(lanes, Math.min(most, 128)), lanes, subgroup }
  return { threads: floorPower(Math.min(items >= manyItems ? 256 : 64, limits.threads)), lanes: 1 }
}

/** Threads of a workgroup whose sums fit in its memory: an entry each and those they are combined into, twice, since one loop's are read while the next one's are written. */
const entriesOf = (kernel: LoopKernel, { workgroupBytes }: ThreadLimits): number =>
  workgroupBytes / 4 / (2 * (1 + 1 / radix + 1 / radix ** 2)) / Math.max(1, mostCombined(kernel))

/** The most threads of a workgroup that may share items of a kernel; 1: they may not. */
export const shareableBy = (kernel: LoopKernel, limits: ThreadLimits): number =>
  sharedLength(kernel) === 0 ? 1 : floorPower(Math.min(limits.threads, entriesOf(kernel, limits)))

/** The iterations of the longest loop. */
export const longestLoop = (kernel: LoopKernel): number =>
  Math.max(
    0,
    ...kernel.body.map(s => (s.kind === 'loop' ? flatten(s).axes.reduce((n, axis) => n * axis.size.sample, 1) : 0)),
  )

/** The iterations of the longest loop that lanes may share; 0 when the body does not allow it. */
function sharedLength(kernel: LoopKernel): number {
  let longest = 0
  for (const s of kernel.body) {
    if (s.kind !== 'loop') continue
    if (!shareable(s)) return 0
    const { axes } = flatten(s)
    longest = Math.max(
      longest,
      axes.reduce((n, axis) => n * axis.size.sample, 1),
    )
  }
  return longest
}

/** Whether lanes may stride over a loop: unordered, and each accumulator it reduces is only updated, always by one op. */
function shareable(loop: Loop): boolean {
  return !loop.ordered && loop.reduces.every(acc => combineOp(loop, acc) !== null)
}

/** The op by which a loop's body updates an accumulator; null when there are several. */
export function combineOp(loop: Loop, acc: number): ReduceOp | null {
  const ops = new Set<ReduceOp>()
  for (const s of statementsOf(loop.body)) if (s.kind === 'update' && s.acc === acc) ops.add(s.op)
  return ops.size === 1 ? [...ops][0] : null
}

/** A nest of loops with nothing between them, as one loop over several axes, the last fastest. */
export function flatten(loop: Loop): { axes: Loop['axis'][]; body: readonly Stmt[] } {
  const axes = [loop.axis]
  let { body } = loop
  while (!loop.end && body.length === 1 && body[0].kind === 'loop') {
    const inner: Loop = body[0]
    if (inner.end || inner.ordered || !inner.reduces.every(acc => loop.reduces.includes(acc))) break
    axes.push(inner.axis)
    body = inner.body
  }
  return { axes, body }
}

export function mostCombined(kernel: LoopKernel): number {
  return Math.max(0, ...kernel.body.map(s => (s.kind === 'loop' ? s.reduces.length : 0)))
}

export const floorPower = (n: number): number => 2 ** Math.floor(Math.log2(Math.max(1, n)))
