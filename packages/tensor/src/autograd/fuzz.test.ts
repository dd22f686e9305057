// Random programs through vmap, grad and jvp, against loops and finite differences. More of them: fuzz.slow.test.ts.

import { compareTransforms } from '../testing/compare-transforms.ts'
import { onEachDevice } from '../testing/devices.ts'

const counts = { reference: 60, wasm: 60, webgpu: 2 }

onEachDevice(
  'random programs of 6 ops under transforms',
  device => compareTransforms(device, 'transforms', counts[device], 6),
  {
    timeout: 120_000,
  },
)
onEachDevice(
  'random programs of 15 ops under transforms',
  device => compareTransforms(device, 'longer', counts[device] / 5, 15),
  {
    timeout: 120_000,
    on: ['reference', 'wasm'],
  },
)
