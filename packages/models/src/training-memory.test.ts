// What training leaves behind when model and optimizer are gone. That loops do not grow: training-memory.slow.test.ts.

import { bytesInUse, realize } from '@cairn/tensor'
import { expect } from 'vitest'
import { onEachDevice } from '../../tensor/src/testing/devices.ts'
import { settle } from '../../tensor/src/testing/settle.ts'
import { type Loop, loops } from './testing/training-loops.ts'

onEachDevice(
  'models that are dropped are gone, with all their memory',
  async device => {
    const train = async (make: () => Loop): Promise<WeakRef<object>> => {
      const { net, run } = make()
      for (let i = 1; i <= 6; i++) await run(i)
      await realize()
      return new WeakRef(net)
    }
    const trainAll = async (): Promise<{ bytes: number; left: string[] }> => {
      const nets = new Map<string, WeakRef<object>>()
      for (const [title, make] of Object.entries(loops)) nets.set(title, await train(make))
      await settle()
      return { bytes: bytesInUse(device), left: [...nets].flatMap(([title, net]) => (net.deref() ? [title] : [])) }
    }
    // plans stay, and what they run in; the second time some sizes are found to move, and are compiled as such
    const rounds = [await trainAll(), await trainAll(), await trainAll()]
    for (const { left } of rounds) expect(left).toEqual([])
    // one of the models takes 2 kB with its gradients and states
    expect(rounds[2].bytes - rounds[1].bytes).toBeLessThan(1000)
  },
  { on: ['reference', 'wasm'], timeout: 60_000 },
)
