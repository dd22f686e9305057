// Long runs stay flat: thousands of steps in a plain loop, hundreds of sequence lengths through one model.

import { describe, expect } from 'vitest'
import { engineOf } from '../device.ts'
import {
  arange,
  bytesInUse,
  type DeviceName,
  Generator,
  permutation,
  randn,
  setDefaultDevice,
  step,
  type Tensor,
  tensor,
  zeros,
} from '../index.ts'
import { expectClose } from '../testing/close.ts'
import { onEachDevice } from '../testing/devices.ts'
import { type Net, net } from '../testing/plain-models.ts'
import { draw } from '../testing/random.ts'
import { settle } from '../testing/settle.ts'
import type { CompiledExecutor } from './compiled.ts'

async function on<T>(device: DeviceName, run: () => Promise<T>): Promise<T> {
  await setDefaultDevice(device)
  return run()
}

/** What the device has compiled so far; null for the reference device, which compiles nothing. */
function compiled(device: DeviceName): CompiledExecutor['statistics'] | null {
  if (device === 'reference') return null
  return { ...(engineOf(device).executor as unknown as CompiledExecutor).statistics }
}

/** The smallest network that has everything a step has: two layers, momentum, a rate that moves. */
function trainer() {
  const from = draw('long run')
  const [inputs, hidden, rows] = [3, 5, 16]
  const x = Array.from({ length: rows }, () => from.many(inputs, -1, 1))
  const y = from.many(rows, -1, 1)
  let plain: Net = { first: from.many(inputs * hidden, -1, 1), second: from.many(hidden, -1, 1) }
  const plainVelocity: Net = { first: plain.first.map(() => 0), second: plain.second.map(() => 0) }
  const first = tensor(Float32Array.from(plain.first), [inputs, hidden], { requiresGrad: true })
  const second = tensor(Float32Array.from(plain.second), [hidden], { requiresGrad: true })
  const velocities = [zeros([inputs, hidden]), zeros([hidden])]
  const parameters = [first, second]
  const rate = (i: number): number => 0.02 / (1 + i / 500)

  /** Steps `begin` to `end`, losses dropped but the last one. */
  const run = async (begin: number, end: number): Promise<number> => {
    let last = NaN
    for (let i = begin; i <= end; i++) {
      const loss = tensor(x).matmul(first).tanh().matmul(second).sub(tensor(y)).square().mean()
      loss.backward()
      parameters.forEach((p, j) => {
        velocities[j].assign(velocities[j].mul(0.9).add(p.grad!))
        p.assign(p.sub(velocities[j].mul(rate(i))))
      })
      await step(parameters)
      for (const p of parameters) p.zeroGrad()
      if (i === end) last = await loss.item()
    }
    return last
  }
  /** The same steps in plain loops, from where they stopped. */
  const plainly = (begin: number, end: number): Net => {
    for (let i = begin; i <= end; i++) {
      const { slopes } = net(x, y, plain)
      const next = (key: keyof Net): number[] =>
        plain[key].map((v, j) => v - rate(i) * (plainVelocity[key][j] = 0.9 * plainVelocity[key][j] + slopes[key][j]))
      plain = { first: next('first'), second: next('second') }
    }
    return plain
  }
  return { run, plainly, first, second }
}

describe('two thousand steps', () => {
  onEachDevice(
    'a plain loop holds no more at step 2000 than at step 100, and ends where plain loops end',
    async device => {
      // compiled code and its statistics are memory too: a rehearsal of all that follows fills them first
      const rehearsal = trainer()
      await rehearsal.run(1, 3000)
      rehearsal.plainly(1, 3000)
      await rehearsal.first.numbers()
      await settle()
      const { run, plainly, first, second } = trainer()
      const measure = async (): Promise<{ bytes: number; heap: number }> => {
        const heap = await settle()
        return { heap, bytes: bytesInUse(device) }
      }
      const early = await run(1, 100)
      const atFirst = await measure()
      const middle = await run(101, 300)
      const wanted = plainly(1, 300)
      expectClose(await first.numbers(), wanted.first, { absolute: 1e-4, relative: 1e-3 }, 'first layer at step 300')
      expectClose(await second.numbers(), wanted.second, { absolute: 1e-4, relative: 1e-3 }, 'second layer at step 300')
      const late = await run(301, 2000)
      let atLast = await measure()
      // the engine's own compiled code ages over several collections before it goes; what is held never goes
      for (let again = 0; again < 20 && atLast.heap >= atFirst.heap * 1.05; again++) {
        await new Promise(resolve => setTimeout(resolve, 50))
        atLast = await measure()
      }
      expect(atLast.bytes, 'bytes on the device').toBe(atFirst.bytes)
      expect(atLast.heap, 'bytes of the heap').toBeLessThan(atFirst.heap * 1.05)
      expect([early > middle, middle > late]).toEqual([true, true])
      const work = compiled(device)
      if (work) expect(work.plansCompiled).toBeLessThan(12)
    },
    { timeout: 120_000 },
  )
})

/** One layer of causal attention with a norm and tied output, in plain ops: every axis that a sequence length can reach. */
function model(width: number, words: number) {
  const generator = new Generator(7)
  const make = (...shape: number[]): Tensor => randn(shape, { generator, requiresGrad: false }).mul(0.3).detach()
  const parameters = [make(words, width), make(512, width), make(width, width), make(width, width), make(width, width)]
  for (const p of parameters) p.requiresGrad = true
  const [table, places, q, k, v] = parameters
  const loss = (ids: Int32Array, targets: Int32Array): Tensor => {
    const n = ids.length
    const x = table.indexSelect(0, tensor(ids)).add(places.narrow(0, 0, n))
    const centred = x.sub(x.mean(-1, { keepDim: true }))
    const h = centred.div(centred.square().mean(-1, { keepDim: true }).add(1e-5).sqrt())
    const scores = h
      .matmul(q)
      .matmul(h.matmul(k).transpose(0, 1))
      .mul(width ** -0.5)
    const later = arange(n).unsqueeze(0).gt(arange(n).unsqueeze(1))
    const mixed = scores.maskedFill(later, -Infinity).softmax(-1).matmul(h.matmul(v)).add(x)
    const picked = mixed.matmul(table.transpose(0, 1)).logSoftmax(-1).gather(1, tensor(targets).unsqueeze(1))
    return picked.mean().neg()
  }
  return { parameters, loss }
}

describe('three hundred sequence lengths', () => {
  onEachDevice(
    'through one model: few plans, flat memory, the losses of the reference',
    async device => {
      const count = device === 'wasm' ? 300 : 40
      const order = [...permutation(count, new Generator(3))].map(i => i + 1)
      // the longest first, so that what the device needs for it is there at both points of measurement
      const [first, rest] = [[count, 1, ...order.slice(0, 20)], order.slice(20)]
      const ids = (n: number, shift: number): Int32Array =>
        Int32Array.from({ length: n }, (_, i) => (i * i + shift) % 11)
      const { parameters, loss } = model(8, 11)
      const train = async (lengths: readonly number[], of = { parameters, loss }): Promise<number[]> => {
        const losses: number[] = []
        for (const n of lengths) {
          const l = of.loss(ids(n, 1), ids(n, 2))
          l.backward()
          for (const p of of.parameters) p.assign(p.sub(p.grad!.mul(0.01)))
          await step(of.parameters)
          for (const p of of.parameters) p.zeroGrad()
          losses.push(await l.item())
        }
        return losses
      }
      const losses = await train(first)
      await settle()
      const bytes = bytesInUse(device)
      const before = compiled(device)
      await train(rest)
      const heap = await settle()
      const settled = bytesInUse(device)
      expect(settled, 'bytes on the device').toBeLessThanOrEqual(bytes * 1.02)
      const after = compiled(device)
      await train(rest.slice(0, 30))
      expect(await settle(), 'bytes of the heap').toBeLessThan(heap * 1.05)
      expect(bytesInUse(device), 'bytes on the device, lengths seen before').toBe(settled)
      if (before && after) {
        expect(after.plansCompiled - before.plansCompiled, 'plans for the other lengths').toBeLessThanOrEqual(2)
        expect(after.plansCompiled, 'plans altogether').toBeLessThan(40)
      }
      await setDefaultDevice('reference')
      const few = first.slice(1, 6)
      const [wanted, own] = [await train(few, model(8, 11)), await on(device, () => train(few, model(8, 11)))]
      expectClose(own, wanted, { absolute: 1e-4, relative: 1e-4 }, 'losses against the reference')
      expect(losses.every(Number.isFinite)).toBe(true)
    },
    { timeout: 180_000 },
  )
})
