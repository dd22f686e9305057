// Random training programs on the path that builds passes and steps once, against the same with nothing remembered and, jitted, against the plain
// call. Many more, and longer ones: training.slow.test.ts.

import { expect } from 'vitest'
import { onEachDevice } from '../../tensor/src/testing/devices.ts'
import { remembered } from '../../tensor/src/testing/remembering.ts'
import { compareTraining } from './testing/compare-training.ts'

const counts = { reference: 80, wasm: 16, webgpu: 0 }
/** the plain evaluator adds in the order of the graph, which is the same; kernels are cut where nodes lie in another order */
const tolerance = { reference: 0, wasm: 1e-4, webgpu: 1e-4 }

onEachDevice(
  'what is built once is what is built anew',
  async device => {
    const before = { ...remembered }
    const path = { device, remembers: true, jitted: false }
    const other = { ...path, remembers: false }
    await compareTraining('training', { count: counts[device], steps: 8, tolerance: tolerance[device] }, path, other)
    expect(remembered.passes - before.passes).toBeGreaterThan(counts[device])
    expect(remembered.templates - before.templates).toBeGreaterThan(counts[device])
  },
  { on: ['reference', 'wasm'], timeout: 120_000 },
)

onEachDevice(
  'a jitted step is the plain one',
  async device => {
    const path = { device, remembers: true, jitted: true }
    const plain = { ...path, jitted: false }
    const count = counts[device] / 8
    await compareTraining('jitted', { count, steps: 24, tolerance: tolerance[device] }, path, plain)
  },
  { on: ['reference', 'wasm'], timeout: 120_000 },
)
