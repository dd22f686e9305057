// What a plan moves and what it must keep, counted from the list of its kernels and what each binds. It shares no code with the planner
// (graph/plan.ts, graph/memory-plan.ts), so that each can be held against the other.

import { engineOf } from '../../packages/tensor/src/device.ts'
import type { DeviceName } from '../bench.ts'

interface Size {
  readonly factor: number
  /** numbers of the sizes of a part that multiply it */
  readonly symbols: readonly number[]
}

interface Part {
  readonly buffers: readonly number[]
  readonly sizes?: readonly number[]
}

/** As much of a plan as is read here. */
export interface PlanView {
  readonly program: {
    readonly launches: readonly (Part & {
      readonly kernel: {
        readonly name: string
        readonly buffers: readonly { dtype: string; access: string; size: Size }[]
      }
      readonly more?: readonly Part[]
    })[]
  }
  /** what the slots bind: storages that are there ('leaf'), results ('root'), or intermediate values ('temp') */
  readonly slots: readonly { readonly kind: string }[]
}

const widths: Readonly<Record<string, number>> = {
  f64: 8,
  i64: 8,
  f32: 4,
  i32: 4,
  u32: 4,
  f16: 2,
  bf16: 2,
  i8: 1,
  u8: 1,
  bool: 1,
}

interface Touch {
  readonly launch: number
  readonly slot: number
  readonly bytes: number
  readonly reads: boolean
  readonly writes: boolean
}

/** Each memory that each kernel binds, once a kernel. @throws for sizes that are not known before a run */
function touches(plan: PlanView): Touch[] {
  return plan.program.launches.flatMap((launch, at) =>
    [launch, ...(launch.more ?? [])].flatMap(part =>
      launch.kernel.buffers.map(({ dtype, access, size }, i): Touch => {
        const bytes = size.symbols.reduce((n, symbol) => {
          const value = part.sizes?.[symbol]
          if (value === undefined) throw new Error(`${launch.kernel.name}: a size that is known only at run time`)
          return n * value
        }, size.factor * widths[dtype]!)
        return { launch: at, slot: part.buffers[i]!, bytes, reads: access !== 'write', writes: access !== 'read' }
      }),
    ),
  )
}

/**
 * Bytes that the kernels read and write, if each memory that a kernel binds passes once in each direction that it is bound for. A kernel that first
 * makes a value and reads it again, as softmax keeps its row in its result, reads what it has just written: a row in the first cache, not memory.
 */
export function bytesMoved(plan: PlanView): number {
  const there = new Set(plan.slots.flatMap(({ kind }, slot) => (kind === 'leaf' ? [slot] : [])))
  let bytes = 0
  for (const touch of touches(plan)) {
    if (touch.writes) bytes += touch.bytes
    if (touch.reads && (there.has(touch.slot) || !touch.writes)) bytes += touch.bytes
    there.add(touch.slot)
  }
  return bytes
}

/**
 * The least memory for the intermediate values of a plan in its order of kernels: each lives from the first kernel that binds it to the last, and
 * at no kernel is there less than the sum of those alive.
 */
export function liveBytes(plan: PlanView): number {
  const lives = new Map<number, { first: number; last: number; bytes: number }>()
  for (const { launch, slot, bytes } of touches(plan)) {
    if (plan.slots[slot]!.kind !== 'temp') continue
    const known = lives.get(slot)
    if (known) {
      known.last = launch
      known.bytes = Math.max(known.bytes, bytes)
    } else lives.set(slot, { first: launch, last: launch, bytes })
  }
  let most = 0
  for (let at = 0; at < plan.program.launches.length; at++) {
    let alive = 0
    for (const { first, last, bytes } of lives.values()) if (first <= at && at <= last) alive += bytes
    most = Math.max(most, alive)
  }
  return most
}

/** The plans that a device has in its cache. */
export function plansOf(device: DeviceName): PlanView[] {
  const executor = engineOf(device as 'wasm').executor as { plans?(): Iterable<PlanView> } | null
  return [...(executor?.plans?.() ?? [])]
}

/** What `run` adds to the cache of plans. */
export async function plansMadeBy(device: DeviceName, run: () => Promise<unknown>): Promise<PlanView[]> {
  const before = new Set(plansOf(device))
  await run()
  return plansOf(device).filter(plan => !before.has(plan))
}
