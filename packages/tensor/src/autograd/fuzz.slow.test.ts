// Thousands of random programs through vmap, grad and jvp; CAIRN_TEST_SEED varies them.

import { compareTransforms } from '../testing/compare-transforms.ts'
import { onEachDevice } from '../testing/devices.ts'
import { families } from '../testing/program-families.ts'

for (const [length, count, also] of [
  [4, 1500, []],
  [8, 800, []],
  [25, 120, []],
  [3, 1000, families],
  [10, 300, families],
] as const)
  onEachDevice(
    `${count} random programs of ${length} ops${also.length ? ' of all families' : ''} under transforms`,
    device =>
      compareTransforms(device, `slow transforms ${length}`, device === 'webgpu' ? count / 40 : count, length, {
        also,
      }),
    { timeout: 1_800_000 },
  )
