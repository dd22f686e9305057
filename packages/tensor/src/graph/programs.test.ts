// Random programs on every device against the plain evaluator in double precision. More of them, and longer: programs.slow.test.ts.

import { comparePrograms } from '../testing/compare-programs.ts'
import { onEachDevice } from '../testing/devices.ts'

onEachDevice('random programs of 8 ops', device => comparePrograms(device, 'short', device === 'wasm' ? 120 : 15, 8), {
  timeout: 60_000,
})
onEachDevice('random programs of 30 ops', device => comparePrograms(device, 'long', device === 'wasm' ? 25 : 3, 30), {
  timeout: 60_000,
})
onEachDevice(
  'random programs of 8 ops of all families',
  device => comparePrograms(device, 'families', device === 'wasm' ? 60 : 8, 8, 'families'),
  { timeout: 60_000 },
)
onEachDevice(
  'random programs of 4 ops on larger values',
  device => comparePrograms(device, 'large', device === 'wasm' ? 40 : 5, 4, 'large'),
  { timeout: 60_000 },
)
