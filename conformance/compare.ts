// Comparing numbers with reference values: every element within absolute + relative * |wanted|; NaN equals NaN, infinities themselves.
import type { Tensor } from '@cairn/tensor'
import { numbersOf, type StoredTensor } from './files.ts'

export interface Tolerance {
  absolute: number
  relative: number
}

/** Null when all is near, else the element that is furthest out of bounds. */
export function difference(got: ArrayLike<number>, wanted: ArrayLike<number>, tolerance: Tolerance): string | null {
  if (got.length !== wanted.length) return `${got.length} values where ${wanted.length} are wanted`
  let worst = -1
  let excess = 0
  let count = 0
  for (let i = 0; i < got.length; i++) {
    const [a, b] = [got[i], wanted[i]]
    if (Object.is(a, b) || a === b) continue
    const by = Math.abs(a - b) / (tolerance.absolute + tolerance.relative * Math.abs(b))
    if (by <= 1) continue
    count++
    if (worst < 0 || !(by <= excess)) {
      worst = i
      excess = by
    }
  }
  if (worst < 0) return null
  return `${count} of ${got.length} differ, most at ${worst}: ${got[worst]} where ${wanted[worst]} is wanted`
}

/** The largest |got - wanted|. */
export function largest(got: ArrayLike<number>, wanted: ArrayLike<number>): number {
  let most = got.length === wanted.length ? 0 : Infinity
  for (let i = 0; i < got.length; i++) most = Math.max(most, Math.abs(got[i] - wanted[i]))
  return Number.isNaN(most) ? Infinity : most
}

/** Compares shape and values of a computed tensor. */
export async function tensorDifference(t: Tensor, wanted: StoredTensor, tolerance: Tolerance): Promise<string | null> {
  if (t.shape.length !== wanted.shape.length || t.shape.some((n, d) => n !== wanted.shape[d]))
    return `shape [${t.shape.join(', ')}] where [${wanted.shape.join(', ')}] is wanted`
  return difference(await t.numbers(), numbersOf(wanted), tolerance)
}
