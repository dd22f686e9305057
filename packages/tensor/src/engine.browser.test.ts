// A smoke set of the whole engine in a browser: what is proven at length in Node also holds on the page's workers and on its
// own WebGPU. Each device is compared with the reference device on the same page.

import { beforeAll, describe, expect, test } from 'vitest'
import { bytesInUse, type DeviceName, randn, realize, setDefaultDevice, type Tensor, tensor, where } from './index.ts'

const programs: Record<string, () => Promise<Tensor[]> | Tensor[]> = {
  'a chain of elementwise ops and its gradient': () => {
    const x = tensor(
      [
        [0.5, -1, 2],
        [3, 0, -4],
      ],
      { requiresGrad: true },
    )
    const y = x.mul(2).tanh().add(x.exp()).gelu()
    y.sum().backward()
    return [y.keep(), x.grad!]
  },
  'softmax, layer norm and their gradients': () => {
    const x = tensor(
      Float32Array.from({ length: 60 }, (_, i) => Math.sin(i)),
      [4, 15],
      { requiresGrad: true },
    )
    const c = x
      .softmax(-1)
      .mul(7)
      .sub(x.mean(-1, { keepDim: true }))
    const y = c.mul(c.mul(c).mean(-1, { keepDim: true }).add(1e-5).rsqrt())
    y.mul(x).sum().backward()
    return [y.keep(), x.grad!]
  },
  'products of odd shapes': () => {
    const a = tensor(
      Float32Array.from({ length: 2 * 7 * 13 }, (_, i) => Math.cos(i)),
      [2, 7, 13],
      { requiresGrad: true },
    )
    const b = tensor(
      Float32Array.from({ length: 13 * 9 }, (_, i) => Math.sin(i)),
      [13, 9],
      { requiresGrad: true },
    )
    const y = a.matmul(b).relu()
    y.sum().backward()
    return [y.keep(), a.grad!, b.grad!]
  },
  'indices that are data': () => {
    const table = tensor(
      Float32Array.from({ length: 24 }, (_, i) => i / 3),
      [6, 4],
      { requiresGrad: true },
    )
    const ids = tensor([5, 0, 5, 2], { dtype: 'i32' })
    const y = table.indexSelect(0, ids)
    y.mul(y).sum().backward()
    return [y.keep(), table.grad!, where(table.gt(3), table, -1)]
  },
  'swaps, and a hand-written optimizer over thirty steps': async () => {
    const a = tensor([1, 2])
    const b = tensor([10, 20])
    a.assign(a.add(b))
    b.assign(b.add(a))
    const w = tensor([1, -1], { requiresGrad: true })
    for (let step = 1; step <= 30; step++) {
      w.zeroGrad()
      w.mul(w).sum().backward()
      w.assign(w.sub(w.grad!.mul(0.1 / step)))
      await realize()
    }
    return [a, b, w]
  },
  'random numbers': () => [randn([64], {}).mul(0).add(1), randn([3, 5]).abs().gt(-1).to('f32')],
}

async function results(device: DeviceName, run: () => Promise<Tensor[]> | Tensor[]): Promise<number[][]> {
  await setDefaultDevice(device)
  return Promise.all((await run()).map(t => t.numbers()))
}

describe.each(['wasm', 'webgpu'] as const)('%s in the browser', device => {
  let missing: unknown = null
  beforeAll(async () => {
    missing = await setDefaultDevice(device).then(
      () => null,
      (error: unknown) => error,
    )
  })

  test.each(Object.entries(programs))('%s', async (_, run) => {
    expect(missing).toBeNull()
    const expected = await results('reference', run)
    const got = await results(device, run)
    got.forEach((list, i) =>
      list.forEach((value, j) => {
        expect(Math.abs(value - expected[i][j])).toBeLessThanOrEqual(1e-5 + 1e-4 * Math.abs(expected[i][j]))
      }),
    )
    expect(bytesInUse(device)).toBeGreaterThan(0)
  })
})

test('the page is isolated, so wasm runs on worker threads', () => {
  expect(globalThis.crossOriginIsolated).toBe(true)
})
