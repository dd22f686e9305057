// A profile tells which kernels ran and what they cost, adds up to what the device counted, and changes no result.

import { expect, test } from 'vitest'
import { bytesInUse, defaultDevice, randn, realize, setDefaultDevice, statistics } from '../index.ts'
import { onEachDevice } from '../testing/devices.ts'
import { profile } from './index.ts'

const kernels = { on: ['wasm', 'webgpu'] } as const

onEachDevice(
  'counts launches, bytes and operations, and gives back what the function returns',
  async () => {
    const [a, b] = [randn([64, 32]), randn([32, 48])]
    await realize(a, b)
    const work = () => a.matmul(b).add(1).softmax(-1)
    const plain = await work().data()
    await profile(work)
    const before = statistics(defaultDevice()).launches
    const seen = await profile(async () => (await work().data()) as Float32Array)
    expect([...seen.value]).toEqual([...(plain as Float32Array)])
    expect(seen.kernels.reduce((n, k) => n + k.runs, 0)).toBe(statistics(defaultDevice()).launches - before)
    const product = seen.kernels.find(k => k.name.includes('matmul'))!
    // the product, and what its epilogue adds
    expect(product.flops).toBeGreaterThanOrEqual(2 * 64 * 32 * 48)
    expect(product.flops).toBeLessThan(2 * 64 * 32 * 48 + 10 * 64 * 48)
    expect(product.bytes).toBe(4 * (64 * 32 + 32 * 48 + 64 * 48))
    expect(seen.milliseconds).toBeGreaterThan(0)
    const text = String(seen)
    expect(text.split('\n')).toHaveLength(2 + seen.kernels.length)
    expect(text).toContain(product.name)
    const trace = JSON.parse(seen.chromeTrace()) as { traceEvents: { ph: string; dur: number; ts: number }[] }
    expect(trace.traceEvents).toHaveLength(seen.kernels.reduce((n, k) => n + k.runs, 0))
    for (const [i, e] of trace.traceEvents.entries()) {
      expect(e.dur).toBeGreaterThanOrEqual(0)
      if (i) expect(e.ts).toBeGreaterThanOrEqual(trace.traceEvents[i - 1].ts)
    }
  },
  kernels,
)

onEachDevice(
  'effects keep their order: updates queued before, during and after',
  async () => {
    const x = randn([100])
    x.own()
    await realize(x)
    const start = (await x.data()) as Float32Array
    x.assign(x.mul(2))
    const { value } = await profile(() => {
      x.assign(x.add(1))
      return x.sum().item()
    })
    x.assign(x.mul(3))
    const end = (await x.data()) as Float32Array
    end.forEach((v, i) => {
      expect(Math.abs(v - 3 * (2 * start[i] + 1))).toBeLessThan(1e-5)
    })
    expect(Math.abs(value - start.reduce((s, v) => s + 2 * v + 1, 0))).toBeLessThan(1e-3)
  },
  kernels,
)

onEachDevice(
  'leaves nothing behind',
  async () => {
    const x = randn([1000])
    await realize(x)
    await profile(() => x.sum().item())
    const before = bytesInUse(defaultDevice())
    for (let i = 0; i < 3; i++) await profile(() => x.exp().sum().item())
    expect(bytesInUse(defaultDevice())).toBeLessThanOrEqual(before + 4096)
  },
  kernels,
)

test('errors: no kernels, and one at a time', async () => {
  await setDefaultDevice('reference')
  await expect(profile(() => 1)).rejects.toThrow(/'reference' has no kernels/)
  await setDefaultDevice('wasm')
  await profile(() => expect(profile(() => 1)).rejects.toThrow(/already under way/))
})
