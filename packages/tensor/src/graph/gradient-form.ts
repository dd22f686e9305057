// What a leaf's gradient is at a moment (autograd/gradient.ts collects it): a condition of a replay before it, and what the replay leaves.

import type { Storage } from './storage.ts'
import type { Objects, WeakTable } from './weak-table.ts'

/** Memory for the rows of a lookup of a certain length. */
export interface RowPlace {
  readonly indices: Storage
  readonly rows: Storage
}

/** Nothing, one tensor, or rows in these places. */
export type GradientForm = null | 'dense' | readonly RowPlace[]

export const sameGradient = (a: GradientForm, b: GradientForm): boolean =>
  a === b ||
  (typeof a === 'object' && typeof b === 'object' && a?.length === b?.length && !!a?.every((p, i) => p === b![i]))

/** A gradient's form, its places held weakly: numbers of a table. */
export type WeakForm = null | 'dense' | readonly number[]

export const weakForm = (form: GradientForm, weak: WeakTable): WeakForm =>
  form === null || form === 'dense' ? form : form.map(place => weak.numberOf(place))

/** @returns undefined when a place is gone */
export function formOf(form: WeakForm, objects: Objects): GradientForm | undefined {
  if (form === null || form === 'dense') return form
  const places = form.flatMap(number => (objects[number] as RowPlace | undefined) ?? [])
  return places.length === form.length ? places : undefined
}
