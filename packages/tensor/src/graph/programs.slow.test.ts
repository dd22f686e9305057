// Many random programs; CAIRN_TEST_SEED varies them.

import { comparePrograms } from '../testing/compare-programs.ts'
import { onEachDevice } from '../testing/devices.ts'

for (const [length, count] of [[6, 1500], [15, 600], [60, 100]] as const) // biome-ignore format: pairs
  onEachDevice(
    `${count} random programs of ${length} ops`,
    device => comparePrograms(device, `slow ${length}`, device === 'webgpu' ? count / 20 : count, length),
    { timeout: 900_000 },
  )
