// Many random programs; CAIRN_TEST_SEED varies them.

import { comparePrograms } from '../testing/compare-programs.ts'
import { onEachDevice } from '../testing/devices.ts'

for (const [kind, length, count] of [
  ['small', 6, 1500],
  ['small', 15, 600],
  ['small', 60, 100],
  ['families', 5, 1500],
  ['families', 20, 400],
  ['large', 4, 600],
  ['large', 12, 200],
] as const)
  onEachDevice(
    `${count} random ${kind} programs of ${length} ops`,
    device => comparePrograms(device, `slow ${length}`, device === 'webgpu' ? count / 20 : count, length, kind),
    { timeout: 900_000 },
  )
