// What a recording refers to, looked up in its table and laid out as a replay reads it: lists that are there, in which a call fills in no more than its arguments and results.

import { formOf, type GradientForm, sameGradient } from './gradient-form.ts'
import type { Replay } from './queue.ts'
import type { Recording } from './recording.ts'
import type { Storage } from './storage.ts'
import { holds } from './trace.ts'
import type { Objects } from './weak-table.ts'

export interface Found {
  readonly objects: Objects
  /** by slot; those that a call fills in are open between calls */
  readonly bound: Storage[]
  readonly gradients: readonly HeldGradient[]
  readonly pieces: readonly HeldPiece[]
}

interface HeldGradient {
  readonly leaf: Storage
  readonly before: GradientForm
  readonly after: GradientForm
}

/** A piece with its lists of storages and numbers, in which a call fills in what it brings. */
export interface HeldPiece extends Replay {
  readonly bound: { readonly storages: Storage[]; readonly targets: Storage[]; readonly scalars: number[] }
  /** entries of `storages` and of `targets` that a call fills in */
  readonly openStorages: readonly number[]
  readonly openTargets: readonly number[]
}

/** @returns null when something that the recording needs is gone */
export function find(recording: Recording): Found | null {
  const { weak } = recording
  return (weak.found ??= lookUp(recording, weak.objects()))
}

function lookUp({ slots, gradients, pieces }: Recording, objects: Objects): Found | null {
  const bound = new Array<Storage>(slots.length)
  for (const [i, slot] of slots.entries()) {
    if (slot.kind !== 'captured') continue
    const storage = objects[slot.number] as Storage | undefined
    if (!storage) return null
    bound[i] = storage
  }
  const heldGradients: HeldGradient[] = []
  for (const gradient of gradients) {
    const leaf = objects[gradient.leaf] as Storage | undefined
    const [before, after] = [formOf(gradient.before, objects), formOf(gradient.after, objects)]
    if (!leaf || before === undefined || after === undefined) return null
    heldGradients.push({ leaf, before, after })
  }
  const open = (numbers: readonly number[]): number[] =>
    numbers.flatMap((number, i) => (slots[number].kind === 'captured' ? [] : [i]))
  return {
    objects,
    bound,
    gradients: heldGradients,
    pieces: pieces.map(({ prepared, writes, storages, targets, scalars }) => ({
      prepared,
      writes,
      bound: {
        storages: storages.map(s => bound[s]),
        targets: targets.map(s => bound[s]),
        scalars: scalars.slice(),
      },
      openStorages: open(storages),
      openTargets: open(targets),
    })),
  }
}

/** Whether the world is as it was before the call that was recorded. */
export function conditionsHold(recording: Recording, { objects, bound, gradients }: Found): boolean {
  const { guards, slots, captured, requiring } = recording
  for (let i = 0; i < guards.length; i++) if (!holds(guards[i], objects)) return false
  for (let i = 0; i < captured.length; i++) {
    const slot = slots[captured[i]]
    const { disposed, requiresGrad } = bound[captured[i]]
    if (disposed || (slot.kind === 'captured' && slot.requiresGrad !== requiresGrad)) return false
  }
  for (let i = 0; i < gradients.length; i++) {
    const { leaf, before } = gradients[i]
    if (!sameGradient(leaf.gradient?.form ?? null, before)) return false
  }
  for (let i = 0; i < requiring.length; i++)
    if ((objects[requiring[i].leaf] as Storage | undefined)?.requiresGrad !== requiring[i].value) return false
  return true
}

/** Opens again what a call has filled in, so that its arguments and results are nobody's but its caller's. */
export function open({ others }: Recording, { bound, pieces }: Found): void {
  for (let i = 0; i < others.length; i++) bound[others[i]] = nothing
  for (let i = 0; i < pieces.length; i++) {
    const piece = pieces[i]
    const { storages, targets } = piece.bound
    for (let s = 0; s < piece.openStorages.length; s++) storages[piece.openStorages[s]] = nothing
    for (let t = 0; t < piece.openTargets.length; t++) targets[piece.openTargets[t]] = nothing
  }
}
const nothing = undefined as unknown as Storage
