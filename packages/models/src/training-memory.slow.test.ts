// Loops of 2,000 steps: once the caches are full, neither the heap nor the device's memory grows.

import { bytesInUse, manualSeed, realize } from '@cairn/tensor'
import { expect } from 'vitest'
import { onEachDevice } from '../../tensor/src/testing/devices.ts'
import { settle } from '../../tensor/src/testing/settle.ts'
import { loops } from './testing/training-loops.ts'

for (const [title, loop] of Object.entries(loops))
  onEachDevice(
    title,
    async device => {
      manualSeed(1)
      const { run } = loop()
      const measured: { heap: number; bytes: number }[] = []
      for (let i = 1; i <= 2000; i++) {
        await run(i)
        if (i % 500 > 0 || i < 1500) continue
        await realize()
        measured.push({ heap: await settle(), bytes: bytesInUse(device) })
      }
      const [first, last] = [measured[0], measured[measured.length - 1]]
      const grown = {
        heap: Math.max(0, last.heap - first.heap - 300_000),
        bytes: Math.max(0, last.bytes - first.bytes),
      }
      expect(grown, JSON.stringify(measured)).toEqual({ heap: 0, bytes: 0 })
    },
    { on: ['reference', 'wasm'], timeout: 900_000 },
  )
