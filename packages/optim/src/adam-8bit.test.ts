// Adam with states of 8 bits against plain TypeScript that rounds where a step does, and against Adam.

import { bytesInUse, jit, realize, type Tensor, tensor, zeros } from '@cairn/tensor'
import { loadSafetensors, saveSafetensors } from '@cairn/tensor/interop'
import { expect, test } from 'vitest'
import { onEachDevice } from '../../tensor/src/testing/devices.ts'
import { numbers } from '../testing.ts'
import { Adam, Adam8bit, AdamW8bit, dynamicMap } from './index.ts'

const steps = 100
const size = 90
const rate = (step: number): number => 0.02 / (1 + step / 10)
const start = numbers(size, 9)
/** of very different sizes, as gradients are */
const gradient = (step: number): Float32Array =>
  Float32Array.from(numbers(size, 100 + step), (v, i) => v * 10 ** -(i % 5))
const f = Math.fround

test('the table of a byte: 256 values in order, -1 or 0 to 1, finer towards 0', () => {
  const [signed, unsigned] = [dynamicMap(true), dynamicMap(false)]
  for (const table of [signed, unsigned]) {
    expect(table.length).toBe(256)
    expect(table.every((v, i) => i === 0 || v > table[i - 1])).toBe(true)
    expect(table[255]).toBe(1)
  }
  expect([signed[127], unsigned[0]]).toEqual([0, 0])
  // the largest power has 64 values (128 without a sign) in [0.1, 1]
  expect(signed[254]).toBeCloseTo(1 - 0.9 / 128, 6)
  expect(unsigned[254]).toBeCloseTo(1 - 0.9 / 256, 6)
  expect(signed[128]).toBeCloseTo(0.55e-6, 12)
  expect(signed.filter(v => v < 0).length).toBe(127)
})

/** Rounds a block as a state is rounded, in f32. */
function stored(block: readonly number[], table: Float32Array): number[] {
  const most = block.reduce((m, v) => Math.max(m, Math.abs(v)), 0)
  return block.map(v => {
    const share = f(v / (most || 1))
    let at = 0
    while (at < 255 && f((table[at] + table[at + 1]) / 2) < share) at++
    return f(table[at] * most)
  })
}
const byBlocks = (list: readonly number[], length: number, change: (block: number[]) => number[]): number[] =>
  Array.from({ length: Math.ceil(list.length / length) }, (_, i) =>
    change(list.slice(i * length, (i + 1) * length)),
  ).flat()

const rules: [string, (p: Tensor, blockSize: number) => Adam8bit | AdamW8bit, decay: number][] = [
  ['Adam8bit', (p, blockSize) => new Adam8bit([p], { blockSize, min8bitSize: 1 }), 0],
  ['AdamW8bit', (p, blockSize) => new AdamW8bit([p], { blockSize, min8bitSize: 1, weightDecay: 0.3 }), 0.3],
]
for (const [name, make, decay] of rules)
  onEachDevice(`${name}, ${steps} steps of a moving learning rate, plain and inside of jit`, async device => {
    for (const compiled of [false, true]) {
      const blockSize = compiled ? 256 : 32
      const p = tensor(Float32Array.from(start), [9, 10], { requiresGrad: true })
      const opt = make(p, blockSize)
      const update = (g: Tensor): void => {
        p.grad = g.mul(1)
        void opt.step()
      }
      const run = compiled ? jit(update) : update
      let [plain, m, v] = [start.slice(), start.map(() => 0), start.map(() => 0)]
      const [b1, b2] = [0.9, 0.999]
      for (let step = 0; step < steps; step++) {
        opt.lr = rate(step)
        run(tensor(gradient(step), [9, 10]))
        if (step % 16 === 0) await p.data()
        const g = gradient(step)
        m = m.map((x, i) => f(f(x * f(b1)) + f(g[i] * f(1 - b1))))
        v = v.map((x, i) => f(f(x * f(b2)) + f(f(g[i] * g[i]) * f(1 - b2))))
        const [c1, c2] = [1 - b1 ** (step + 1), 1 - b2 ** (step + 1)]
        plain = plain.map(
          (x, i) => x * (1 - rate(step) * decay) - (rate(step) * m[i]) / c1 / (Math.sqrt(v[i] / c2) + 1e-8),
        )
        m = byBlocks(m, blockSize, block => stored(block, dynamicMap(true)))
        v = byBlocks(v, blockSize, block => stored(block, dynamicMap(false)))
      }
      const got = await p.numbers()
      // a division of a GPU may round a share to the other side of a limit, and its element to the next byte
      const tolerance = device === 'webgpu' ? 2e-2 : 1e-4
      got.forEach((x, i) => expect(Math.abs(x - plain[i]), `element ${i}`).toBeLessThan(tolerance))
      expect(Math.max(...got.map((x, i) => Math.abs(x - start[i])))).toBeGreaterThan(0.1)
    }
  })

onEachDevice(
  'comes where Adam comes',
  async () => {
    const run = async (make: (p: Tensor) => Adam | Adam8bit): Promise<number> => {
      const p = tensor(Float32Array.from(numbers(5000, 2)), [50, 100], { requiresGrad: true })
      const wanted = tensor(Float32Array.from(numbers(5000, 3)), [50, 100])
      const opt = make(p)
      for (let step = 0; step < 60; step++) {
        opt.zeroGrad()
        p.sub(wanted).square().sum().backward()
        await opt.step()
      }
      return p.sub(wanted).abs().mean().item()
    }
    const [full, small] = [await run(p => new Adam([p], { lr: 0.05 })), await run(p => new Adam8bit([p], { lr: 0.05 }))]
    expect(full).toBeLessThan(0.1)
    expect(small).toBeLessThan(0.15)
  },
  { on: ['wasm', 'webgpu'] },
)

onEachDevice('a saved and loaded optimizer goes on bit for bit; small parameters keep f32', async () => {
  const make = (values: readonly number[]) => {
    const params = [
      tensor(Float32Array.from(values.slice(0, 4100)), [4100], { requiresGrad: true }),
      tensor(Float32Array.from(values.slice(4100)), [10], { requiresGrad: true }),
    ]
    return { params, opt: new AdamW8bit(params, { lr: 0.01 }) }
  }
  const advance = async ({ params, opt }: ReturnType<typeof make>, from: number, to: number) => {
    for (let step = from; step < to; step++) {
      params.forEach((p, i) => (p.grad = tensor(Float32Array.from(numbers(p.size, 7 * step + i)))))
      await opt.step()
    }
  }
  const first = make(numbers(4110))
  await advance(first, 0, 6)
  const { settings, tensors } = first.opt.stateDict()
  expect([...tensors].map(([name, t]) => `${name} ${t.dtype} ${t.shape}`).sort()).toEqual([
    '0.exp_avg u32 17,64',
    '0.exp_avg_absmax f32 17',
    '0.exp_avg_sq u32 17,64',
    '0.exp_avg_sq_absmax f32 17',
    '1.exp_avg f32 10',
    '1.exp_avg_sq f32 10',
    'counter.0.step f32 ',
  ])
  const bytes = await saveSafetensors(tensors)
  const again = make((await Promise.all(first.params.map(p => p.numbers()))).flat())
  again.opt.loadStateDict({ settings: JSON.parse(JSON.stringify(settings)), tensors: loadSafetensors(bytes) })
  await advance(first, 6, 12)
  await advance(again, 6, 12)
  for (const i of [0, 1]) expect(await again.params[i].numbers()).toEqual(await first.params[i].numbers())
  expect(() => new Adam8bit([again.params[0]], { blockSize: 0 })).toThrow(/blockSize must be a multiple of 4, not 0/)
})

onEachDevice(
  'the states take a quarter of the memory, by the allocator',
  async device => {
    const taken = async (make: (p: Tensor) => Adam | Adam8bit): Promise<number> => {
      const p = zeros([512, 1024])
      p.requiresGrad = true
      await realize(p)
      const before = bytesInUse(device)
      const opt = make(p)
      await realize(...opt.stateDict().tensors.values())
      const bytes = bytesInUse(device) - before
      opt[Symbol.dispose]()
      p[Symbol.dispose]()
      return bytes
    }
    const [full, small] = [await taken(p => new Adam([p])), await taken(p => new Adam8bit([p]))]
    expect(full).toBeGreaterThanOrEqual(8 * 2 ** 19)
    // two bytes, and eight for each block of 256
    expect(small).toBeGreaterThanOrEqual(2 * 2 ** 19)
    expect(small).toBeLessThan(2.1 * 2 ** 19)
  },
  { on: ['wasm', 'webgpu'] },
)
