// Devices by name: what is chosen, what is refused, two of them side by side, one disposed and started again.

import { afterEach, describe, expect, test } from 'vitest'
import {
  bytesInUse,
  type DeviceName,
  defaultDevice,
  disposeDevice,
  randn,
  readAll,
  realize,
  setDefaultDevice,
  step,
  type Tensor,
  tensor,
  zeros,
} from './index.ts'
import { onEachDevice } from './testing/devices.ts'

afterEach(() => setDefaultDevice('reference'))

describe('the default device', () => {
  onEachDevice('is where new tensors live', async device => {
    expect(defaultDevice()).toBe(device)
    for (const x of [tensor([1]), zeros([1]), randn([1]), tensor([1]).add(1)]) expect(x.device).toBe(device)
    expect(tensor([1], { device: 'reference' }).device).toBe('reference')
  })
  test('a name that is not there', async () => {
    await expect(setDefaultDevice('cuda' as DeviceName)).rejects.toThrow(
      /^device: there is no device 'cuda'; use 'wasm', 'webgpu', 'reference' or 'auto'/,
    )
    expect(() => bytesInUse('cpu' as DeviceName)).toThrow(/^device: there is no device 'cpu'/)
  })
  const software = /swiftshader/i.test(process.env.VK_ICD_FILENAMES ?? '')
  test.skipIf(!software)(
    `'auto' takes wasm where the only GPU is software${software ? '' : ' (skipped: the driver is not SwiftShader)'}`,
    async () => {
      expect(await setDefaultDevice('auto')).toBe('wasm')
    },
  )
})

describe('two devices', () => {
  onEachDevice(
    'run side by side, and do not mix',
    async device => {
      const here = tensor([1, 2], { requiresGrad: true })
      const there = tensor([3, 4], { device: 'reference', requiresGrad: true })
      const both = (): Tensor[] => [here, there]
      for (const x of both()) x.mul(x).sum().backward()
      for (const x of both()) x.assign(x.sub(x.grad!.mul(0.25)))
      await step(both())
      expect((await readAll([here, there, here.grad!, there.grad!])).map(v => [...v])).toEqual([
        [0.5, 1],
        [1.5, 2],
        [2, 4],
        [6, 8],
      ])
      await realize(here.add(1), there.add(1))
      expect(() => here.add(there)).toThrow(/^add: tensors are on \w+ and reference/)
      expect(() => here.assign(there)).toThrow(/^assign: tensors are on/)
      expect(() => here.to('reference')).toThrow(/^to: gradients do not cross devices; use x\.detach\(\)/)
      expect(here.to(device)).toBe(here)
      const moved = here.detach().to('reference')
      expect(await moved.add(there).numbers()).toEqual([2, 3])
    },
    { on: ['wasm', 'webgpu'] },
  )
})

describe('to another device', () => {
  onEachDevice(
    'moves the version at the call, in the order of both queues, and keeps the dtype',
    async device => {
      const x = tensor([1, 2, 3], { device })
      const first = x.to('reference')
      x.assign(x.mul(10))
      const second = x.to('reference')
      const sum = first.add(second)
      expect(await sum.numbers()).toEqual([11, 22, 33])
      expect(sum.device).toBe('reference')
      // there and back without a wait between
      const back = first.mul(2).to(device).add(x)
      expect(back.device).toBe(device)
      expect(await back.numbers()).toEqual([12, 24, 36])
      for (const dtype of ['i32', 'u8', 'bool', 'f16'] as const) {
        const there = tensor([1, 0, 1], { dtype, device }).to('reference')
        expect(there.dtype).toBe(dtype)
        expect(await there.numbers()).toEqual([1, 0, 1])
      }
    },
    { on: ['wasm', 'webgpu'] },
  )

  onEachDevice(
    'a value that cannot be had rejects on the other device too',
    async device => {
      const w = tensor([1], { device })
      const stale = w.mul(2)
      w.assign(w.add(1))
      await realize(w)
      const moved = stale.to('reference')
      await expect(moved.data()).rejects.toThrow(/has moved on/)
      await expect(moved.add(1).data()).rejects.toThrow(/has moved on/)
      expect(await w.to('reference').numbers()).toEqual([2])
    },
    { on: ['wasm', 'webgpu'] },
  )
})

describe('disposeDevice', () => {
  onEachDevice(
    'frees everything; its tensors are lost and say so, a new start is a new device',
    async device => {
      const old = tensor([1, 2])
      const computed = old.mul(2)
      await computed.data()
      const pending = old.add(1)
      await disposeDevice(device)
      expect(bytesInUse(device)).toBe(0)
      await setDefaultDevice(device)
      expect(await tensor([5]).add(1).numbers()).toEqual([6])
      for (const x of [pending, computed.add(1)]) await expect(x.data()).rejects.toThrow(/dispose|closed|lost/)
      expect(() => old.add(tensor([1]))).toThrow(/^add: tensors are on/)
    },
    { on: ['wasm', 'webgpu'] },
  )
  test('twice, or before it was started', async () => {
    await disposeDevice('reference')
    await disposeDevice('reference')
    await setDefaultDevice('reference')
    expect(await tensor([1]).numbers()).toEqual([1])
  })
})
