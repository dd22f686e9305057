// Thousands of random programs through vmap, grad and jvp; CAIRN_TEST_SEED varies them.

import { compareTransforms } from '../testing/compare-transforms.ts'
import { onEachDevice } from '../testing/devices.ts'

for (const [length, count] of [[4, 1500], [8, 800], [25, 120]] as const) // biome-ignore format: pairs
  onEachDevice(
    `${count} random programs of ${length} ops under transforms`,
    device => compareTransforms(device, `slow transforms ${length}`, device === 'webgpu' ? count / 40 : count, length),
    { timeout: 1_800_000 },
  )
