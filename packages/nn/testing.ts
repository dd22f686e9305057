// Helpers of this package's tests: repeatable numbers, comparison, and gradients by finite differences.

import { noGrad, type Tensor, tensor } from '@cairn/tensor'
import { expect } from 'vitest'

/** Repeatable numbers in (-1, 1). */
export function numbers(count: number, seed = 1): number[] {
  let state = seed
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 31 - 1
  })
}

/** A repeatable f64 or f32 tensor. */
export const sample = (shape: readonly number[], seed = 1, dtype: 'f32' | 'f64' = 'f32'): Tensor =>
  tensor(
    Float64Array.from(
      numbers(
        shape.reduce((a, b) => a * b, 1),
        seed,
      ),
    ),
    shape,
    { dtype },
  )

export async function expectClose(actual: Tensor, wanted: ArrayLike<number>, tolerance = 1e-5): Promise<void> {
  const got = await actual.numbers()
  expect(got.length).toBe(wanted.length)
  for (let i = 0; i < got.length; i++)
    expect(Math.abs(got[i] - wanted[i]), `element ${i}: ${got[i]}, wanted ${wanted[i]}`).toBeLessThanOrEqual(
      tolerance * (1 + Math.abs(wanted[i])),
    )
}

/** Compares the gradients of `f` with central differences, in f64. @param inputs f64 */
export async function checkGradients(f: (...inputs: Tensor[]) => Tensor, inputs: readonly Tensor[]): Promise<void> {
  const leaves = inputs.map(x => {
    const leaf = x.detach()
    leaf.requiresGrad = true
    return leaf
  })
  const out = f(...leaves)
  const weights = sample(out.shape, 77, 'f64')
  const total = (y: Tensor) => y.mul(weights).sum()
  total(out).backward()
  const step = 1e-5
  for (const [n, x] of inputs.entries()) {
    const values = await x.numbers()
    const analytic = await leaves[n].grad!.numbers()
    for (let i = 0; i < values.length; i++) {
      const at = async (delta: number) => {
        const moved = Float64Array.from(values)
        moved[i] += delta
        const shifted = inputs.map((y, m) => (m === n ? tensor(moved, x.shape) : y))
        return noGrad(() => total(f(...shifted))).item()
      }
      const numeric = ((await at(step)) - (await at(-step))) / (2 * step)
      expect(analytic[i], `input ${n}, element ${i}`).toBeCloseTo(numeric, 5)
    }
  }
}
