// Devices that fail for real: memory that runs out, a worker that dies, a GPU that is lost. Each leaves an error where it belongs,
// and a device that is started again works.

import type { Worker } from 'node:worker_threads'
import { afterAll, afterEach, expect } from 'vitest'
import { engineOf } from '../device.ts'
import {
  type DeviceName,
  disposeDevice,
  fromBuffer,
  OutOfMemoryError,
  rand,
  setDefaultDevice,
  step,
  type Tensor,
  tensor,
  type WasmOptions,
} from '../index.ts'
import { expectClose, single } from '../testing/close.ts'
import { onEachDevice } from '../testing/devices.ts'
import { line } from '../testing/plain-models.ts'

const unhandled: unknown[] = []
const note = (reason: unknown): void => void unhandled.push(reason)
process.on('unhandledRejection', note)
const turn = (): Promise<void> => new Promise(resolve => setTimeout(resolve, 20))
afterAll(async () => {
  await turn()
  process.off('unhandledRejection', note)
  expect(unhandled).toEqual([])
})

let fresh: DeviceName | null = null
/** A device of this test's own. */
async function start(name: DeviceName, options: WasmOptions = {}): Promise<void> {
  await disposeDevice(name)
  fresh = name
  await setDefaultDevice(name, options)
}
afterEach(async () => {
  if (!fresh) return
  await disposeDevice(fresh)
  await setDefaultDevice(fresh, { maxBytes: undefined, threads: undefined })
  fresh = null
})

interface Trained {
  readonly loss: Tensor
  readonly outputs: Tensor
  readonly done: Promise<void>
}

/** One step of least squares on `rows` rows, all alike; the outputs are kept, so that many rows need much memory. */
function train(w: Tensor, rows: number): Trained {
  const x = fromBuffer(new Float32Array(64).fill(0.5), [1, 64]).expand([rows, 64])
  const outputs = x.mul(w).keep()
  const loss = outputs.sub(1).square().mean()
  loss.backward()
  w.assign(w.sub(w.grad!.mul(8)))
  return { loss, outputs, done: step([w]) }
}

/** w after `steps` steps of `train`, whatever the number of rows. */
function plainly(steps: number): number {
  let w = 3
  for (let i = 0; i < steps; i++) w -= (8 * line([0.5], [1], w, 0).dw) / 64
  return w
}

const weights = (): Tensor => tensor(new Array(64).fill(3), { requiresGrad: true })

onEachDevice(
  'out of memory changes nothing, and a smaller batch follows',
  async device => {
    await start(device, { maxBytes: 4 * 2 ** 20 })
    const w = weights()
    await train(w, 100).done
    w.zeroGrad()
    const bytes = engineOf(device).bytesInUse
    const large = train(w, 40_000)
    await expect(large.done).rejects.toThrow(OutOfMemoryError)
    await expect(large.outputs.data()).rejects.toThrow(/bytes/)
    expect(w.grad).toBeUndefined()
    await train(w, 200).done
    await train(w, 100).done.then(() => w.zeroGrad())
    expect(engineOf(device).bytesInUse).toBeLessThan(bytes + 200 * 64 * 4 + 2 ** 18)
    expect(await w.grad).toBeUndefined()
    const { loss, done } = train(w, 50)
    await done
    expect(Number.isFinite(await loss.item())).toBe(true)
  },
  { on: ['wasm', 'webgpu'] },
)

onEachDevice(
  'the weights after a failed batch are those of the steps that ran',
  async device => {
    await start(device, { maxBytes: 4 * 2 ** 20 })
    const w = weights()
    // while nobody holds the outputs they need not be kept, and there is memory enough
    const held: Trained[] = []
    let failures = 0
    for (const rows of [100, 40_000, 50, 40_000, 25]) {
      held.push(train(w, rows))
      await held.at(-1)!.done.catch(() => failures++)
      w.zeroGrad()
    }
    expect([held.length, failures]).toEqual([5, 2])
    expectClose(await w.numbers(), new Array(64).fill(plainly(3)), single, 'weights')
  },
  { on: ['wasm', 'webgpu'] },
)

onEachDevice(
  'a worker that dies: an idle one is replaced, the work of a busy one is lost and says so',
  async device => {
    const workers: Worker[] = []
    const collect = (worker: Worker): void => void workers.push(worker)
    process.on('worker', collect)
    try {
      await start(device, { threads: 2 })
      expect(workers).toHaveLength(2)
      const [w, other] = [weights(), tensor([1])]
      await train(w, 10).done
      w.zeroGrad()
      expectClose(await w.numbers(), new Array(64).fill(plainly(1)), single, 'weights before')

      await workers[1].terminate()
      await train(w, 10).done
      w.zeroGrad()
      expectClose(await w.numbers(), new Array(64).fill(plainly(2)), single, 'weights after an idle worker died')

      const m = rand([700, 700])
      const heavy = (): Promise<void> => {
        let product = m
        for (let i = 0; i < 30; i++) product = product.matmul(m).mul(2 / 700)
        w.assign(w.add(product.sum().mul(0)))
        return step([w])
      }
      await heavy()
      await w.data() // its kernels are compiled now, so the next one starts at once
      const running = heavy()
      const early = w.data()
      await new Promise(resolve => setTimeout(resolve, 30))
      await workers.at(-1)!.terminate()
      await expect(early).rejects.toThrow(/worker \d died/)
      await running.catch(() => {})
      await expect(w.data()).rejects.toThrow(/worker \d died/)
      await expect(w.mul(2).data()).rejects.toThrow(/worker \d died/)
      expect(await other.add(1).numbers()).toEqual([2])
      await expect(step([w])).rejects.toThrow(/worker \d died/)

      w.assign(weights().detach())
      await train(w, 10).done
      expectClose(await w.numbers(), new Array(64).fill(plainly(1)), single, 'weights after they were loaded again')
    } finally {
      process.off('worker', collect)
    }
  },
  { on: ['wasm'] },
)

onEachDevice(
  'a GPU that is lost',
  async device => {
    await start(device)
    const w = weights()
    await train(w, 10).done
    w.zeroGrad()
    expectClose(await w.numbers(), new Array(64).fill(plainly(1)), single, 'weights before')
    const { backend } = engineOf(device).executor as unknown as { backend: { device: { destroy(): void } } }
    backend.device.destroy()
    await turn()
    const outcomes: unknown[] = []
    for (let i = 0; i < 4; i++) {
      outcomes.push(await train(w, 10).done.then(() => null, error => error)) // biome-ignore format: one line
      w.zeroGrad()
    }
    expect(outcomes.slice(0, 3).some(o => o !== null)).toBe(true)
    expect(String(outcomes[3])).toMatch(/lost/)
    await expect(w.data()).rejects.toThrow(/lost/)
    await expect(w.add(1).data()).rejects.toThrow(/lost/)
    await start(device)
    const again = weights()
    await train(again, 10).done
    expectClose(await again.numbers(), new Array(64).fill(plainly(1)), single, 'weights on the new device')
  },
  { on: ['webgpu'] },
)
