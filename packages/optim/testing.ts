// Helpers of this package's tests: repeatable numbers and comparison.

import { type Tensor, tensor } from '@cairn/tensor'
import { expect } from 'vitest'

/** Repeatable numbers in (-1, 1). */
export function numbers(count: number, seed = 1): number[] {
  let state = seed
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 31 - 1
  })
}

export const leaf = (values: readonly number[]): Tensor => tensor([...values], { requiresGrad: true })

/** The gradient of a step, as given numbers. */
export const setGrad = (p: Tensor, values: readonly number[]): void => {
  p.grad = tensor([...values])
}

export async function expectClose(actual: Tensor, wanted: readonly number[], tolerance = 1e-5): Promise<void> {
  const got = await actual.numbers()
  for (let i = 0; i < wanted.length; i++)
    expect(Math.abs(got[i] - wanted[i]), `element ${i}: ${got[i]}, wanted ${wanted[i]}`).toBeLessThanOrEqual(
      tolerance * (1 + Math.abs(wanted[i])),
    )
}
