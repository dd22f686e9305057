// Printed kernels against the interpreter: random ones. Kernels by hand are beside the parts of the printer.
// PRINT_SEED=n runs one random kernel, PRINT_RUNS=n more of them.

import { describe, test } from 'vitest'
import { check } from './testing/check-kernel.ts'
import { RandomKernel } from './testing/random-kernel.ts'

describe('random kernels', () => {
  const one = process.env.PRINT_SEED
  const runs = Number(process.env.PRINT_RUNS ?? 150)
  test(`${one ? `seed ${one}` : `${runs} seeds`}`, { timeout: 120_000 }, () => {
    for (let seed = Number(one ?? 1); seed <= Number(one ?? runs); seed++) {
      const generator = new RandomKernel(seed)
      const kernel = generator.kernel()
      const tolerance = kernel.body.some(s => s.kind === 'loop') ? 1e-3 : 0
      try {
        check(kernel, generator.arrays, {
          scalars: generator.scalarValues,
          symbols: generator.symbols,
          tolerance,
          message: `seed ${seed}`,
        })
      } catch (error) {
        throw new Error(`PRINT_SEED=${seed}: ${error}`, { cause: error })
      }
    }
  })
})
