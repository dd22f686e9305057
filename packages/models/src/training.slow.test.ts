// Many random training programs; CAIRN_TEST_SEED varies them.

import { onEachDevice } from '../../tensor/src/testing/devices.ts'
import { compareTraining } from './testing/compare-training.ts'

const share = { reference: 1, wasm: 1 / 8, webgpu: 1 / 200 }
const timeout = 1_800_000

for (const [steps, most] of [
  [3, 2000],
  [8, 2000],
  [40, 300],
] as const)
  onEachDevice(
    `${steps} steps: what is built once is what is built anew`,
    async device => {
      const tolerance = device === 'reference' ? 0 : 1e-4 * steps
      const count = Math.ceil(most * share[device])
      const path = { device, remembers: true, jitted: false }
      await compareTraining(`${steps} steps`, { count, steps, tolerance }, path, { ...path, remembers: false })
    },
    { timeout },
  )

onEachDevice(
  '8 steps: what is built once is what the plain evaluator computes',
  async device => {
    const path = { device, remembers: true, jitted: false }
    const other = { ...path, device: 'reference' as const }
    const count = Math.ceil(1000 * share[device])
    await compareTraining('reference', { count, steps: 8, tolerance: 1e-3 }, path, other)
  },
  { on: ['wasm', 'webgpu'], timeout },
)

onEachDevice(
  '40 steps: a jitted step is the plain one',
  async device => {
    const tolerance = device === 'reference' ? 0 : 1e-3
    const path = { device, remembers: true, jitted: true }
    const count = Math.ceil(400 * share[device])
    await compareTraining('jitted', { count, steps: 40, tolerance }, path, { ...path, jitted: false })
  },
  { timeout },
)
