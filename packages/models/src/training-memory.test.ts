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
    const trainAll = async (): Promise<ReadonlyMap<string, WeakRef<object>>> => {
      const nets = new Map<string, WeakRef<object>>()
      for (const [title, make] of Object.entries(loops)) nets.set(title, await train(make))
      return nets
    }
    /** Finalizers run when they like: what is left when there is nothing more to wait for. */
    const leftOf = async (nets: ReadonlyMap<string, WeakRef<object>>, most: number): Promise<string[]> => {
      for (let i = 0; i < 10; i++) {
        await settle()
        if (bytesInUse(device) <= most && [...nets.values()].every(net => !net.deref())) return []
      }
      return [
        `${bytesInUse(device) - most} bytes`,
        ...[...nets].flatMap(([title, net]) => (net.deref() ? [title] : [])),
      ]
    }
    // plans stay, and what they run in; the second time some sizes are found to move, and are compiled as such
    expect(await leftOf(await trainAll(), Infinity)).toEqual([])
    expect(await leftOf(await trainAll(), Infinity)).toEqual([])
    const before = bytesInUse(device)
    // each model takes 2 kB with its gradients and states; how plans lie in blocks moves by as much
    expect(await leftOf(await trainAll(), before + 10_000)).toEqual([])
  },
  { on: ['reference', 'wasm'], timeout: 60_000 },
)
