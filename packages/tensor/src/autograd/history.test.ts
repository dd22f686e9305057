// A backward pass whose graph is remembered against one that is walked (`inputs` makes it so), and what must not be remembered.

import { describe, expect } from 'vitest'
import { conv2d, maxPool2d } from '../functional/index.ts'
import {
  bytesInUse,
  customGradient,
  defaultDevice,
  dropout,
  jit,
  manualSeed,
  rand,
  randn,
  readAll,
  realize,
  statistics,
  step,
  type Tensor,
  tensor,
} from '../index.ts'
import { sizeOf } from '../shape.ts'
import { expectClose } from '../testing/close.ts'
import { onEachDevice } from '../testing/devices.ts'
import { randomProgram } from '../testing/programs.ts'
import { draw } from '../testing/random.ts'
import { settle } from '../testing/settle.ts'

const leaf = (...values: number[]): Tensor => tensor(values, { requiresGrad: true })
const built = (): number => statistics(defaultDevice()).nodesBuilt

/** Nodes that a call of `run` makes. */
function nodesOf(run: () => void): number {
  const before = built()
  run()
  return built() - before
}

const shapes = [[4, 3], [3, 5], [2, 4, 3], [6], []] as const
const programs = { reference: 60, wasm: 25, webgpu: 2 }

onEachDevice(
  'random programs: what the second pass gives is what walking its history gives',
  async device => {
    for (let i = 0; i < programs[device]; i++) {
      const from = draw(`remembered ${i}`)
      const program = randomProgram(from, shapes, 12)
      const once = async (walked: boolean, label: string): Promise<{ values: number[][]; nodes: number } | null> => {
        const data = draw(label)
        const leaves = shapes.map(s =>
          tensor(data.many(sizeOf(s), -1.5, 1.5), { requiresGrad: true })
            .reshape(s)
            .detach(),
        )
        for (const l of leaves) l.requiresGrad = true
        const outputs = program.run(leaves)
        const loss = outputs.map(o => o.mul(data.many(1, 0.1, 0.2)[0]).sum()).reduce((a, b) => a.add(b))
        if (!loss.requiresGrad) return null
        const nodes = nodesOf(() => loss.backward(walked ? { inputs: leaves } : {}))
        const grads = leaves.map(l => l.grad ?? l.zerosLike())
        return { values: (await readAll([loss, ...grads])).map(v => Array.from(v as Float32Array)), nodes }
      }
      const first = await once(false, `first ${i}`)
      const again = await once(false, `second ${i}`)
      // leaves that no path reaches have no place among `inputs`
      const walked = await once(true, `second ${i}`).catch(() => null)
      if (!first || !again) continue
      expect(again.nodes).toBeLessThanOrEqual(2 + shapes.length)
      if (!walked) continue
      const close = device === 'reference' ? { absolute: 0, relative: 0 } : { absolute: 1e-5, relative: 1e-4 }
      again.values.forEach((values, at) => {
        expectClose(values, walked.values[at], close, `${program.steps.join('\n')}\nvalue ${at}`)
      })
    }
  },
  { timeout: 120_000 },
)

describe('a remembered pass', () => {
  onEachDevice('numbers, seeds and values are those of this time', async () => {
    const w = leaf(1, 2, 3)
    for (let i = 1; i < 5; i++) {
      const loss = w.mul(i).mul(w)
      loss.backward({ gradient: tensor([1, i, 0]) })
      expect(await w.grad!.numbers()).toEqual([2 * i, 4 * i * i, 0])
      w.zeroGrad()
      w.assign(tensor([1, 2, 3]))
    }
  })

  onEachDevice('makes a node for the call, for its root and for each leaf', async () => {
    const [a, b] = [leaf(1, 2), leaf(3, 4)]
    const pass = (): number => {
      const loss = a.mul(b).sigmoid().add(a.tanh()).sum()
      const nodes = nodesOf(() => loss.backward())
      for (const t of [a, b]) t.zeroGrad()
      return nodes
    }
    expect(pass()).toBeGreaterThan(10)
    expect([pass(), pass()]).toEqual([4, 4])
    await realize()
  })

  onEachDevice('windows that lie otherwise are other histories, the same ones are remembered', async () => {
    manualSeed(4)
    for (const padding of [0, 1, 0, 1])
      for (const stride of [1, 2]) {
        const [x, w] = [randn([1, 2, 6, 6]), randn([3, 2, 3, 3])]
        for (const t of [x, w]) t.requiresGrad = true
        const loss = (): Tensor => maxPool2d(conv2d(x, w, undefined, { padding, stride }).softmax(1), 2).sum()
        loss().backward({ inputs: [x, w] })
        const wanted = await readAll([x.grad!, w.grad!])
        for (const last of [false, true]) {
          for (const t of [x, w]) t.zeroGrad()
          const made = loss()
          const nodes = nodesOf(() => made.backward())
          if (last) expect(nodes).toBe(4)
          const got = await readAll([x.grad!, w.grad!])
          got.forEach((g, i) => {
            expectClose(
              [...g].map(Number),
              [...wanted[i]].map(Number),
              { absolute: 1e-5, relative: 1e-4 },
              `gradient ${i}`,
            )
          })
        }
      }
  })

  onEachDevice('other shapes, axes, dtypes and leaves that need no gradient are other histories', async () => {
    const check = async (x: Tensor, w: Tensor, axis: number): Promise<void> => {
      x.mul(w).softmax(axis).mul(x).sum().backward()
      const grads = await Promise.all([x.grad, w.grad].map(g => g?.numbers()))
      for (const t of [x, w]) t.zeroGrad()
      x.mul(w)
        .softmax(axis)
        .mul(x)
        .sum()
        .backward({ inputs: [x, w].filter(t => t.requiresGrad) })
      for (const [i, t] of [x, w].entries()) {
        expect(grads[i] === undefined).toBe(t.grad === undefined)
        if (t.grad) expectClose(grads[i]!, await t.grad.numbers(), { absolute: 1e-6, relative: 1e-5 }, `gradient ${i}`)
      }
    }
    manualSeed(3)
    for (const shape of [
      [2, 3],
      [3, 2],
      [3, 3],
      [3, 3],
    ])
      for (const axis of [0, 1])
        for (const both of [true, false, true]) {
          const x = randn(shape)
          const w = randn(shape)
          x.requiresGrad = true
          if (both) w.requiresGrad = true
          await check(x, w, axis)
        }
  })

  onEachDevice("a user's derivative is asked each time: it may read anything", async () => {
    let factor = 1
    const scaled = customGradient((x: Tensor) => [x.mul(1), g => [g.mul(factor)]])
    const w = leaf(5, 6)
    for (factor = 1; factor < 5; factor++) {
      scaled(w).sum().backward()
      expect(await w.grad!.numbers()).toEqual([factor, factor])
      w.zeroGrad()
    }
  })

  onEachDevice('a leaf that is used twice, a value that is a result, a root that is a sum of itself', async () => {
    const w = leaf(2)
    for (let i = 0; i < 3; i++) {
      const y = w.mul(w)
      y.add(y).mul(y).sum().backward()
      // d/dw 2 w^4
      expect(await w.grad!.numbers()).toEqual([64])
      w.zeroGrad()
    }
  })

  onEachDevice('dropout: the mask is that of this forward pass', async () => {
    manualSeed(7)
    const w = tensor(new Float32Array(200).fill(1), { requiresGrad: true })
    const seen = new Set<string>()
    for (let i = 0; i < 4; i++) {
      const y = dropout(w, 0.5)
      y.sum().backward()
      const [mask, grad] = [await y.numbers(), await w.grad!.numbers()]
      expect(grad).toEqual(mask)
      seen.add(grad.join())
      w.zeroGrad()
    }
    expect(seen.size).toBe(4)
  })

  onEachDevice('gradients that collect over micro-batches, begun by another leaf each time', async () => {
    const [a, b] = [leaf(1, 2), leaf(3, 4)]
    for (let round = 0; round < 3; round++) {
      a.mul(2).sum().backward()
      for (let i = 1; i <= 3; i++) b.mul(a).mul(i).sum().backward()
      expect(await a.grad!.numbers()).toEqual([2 + 18, 2 + 24])
      expect(await b.grad!.numbers()).toEqual([6, 12])
      for (const t of [a, b]) t.zeroGrad()
    }
  })

  onEachDevice('a gradient that is dropped is not computed, and the others are', async () => {
    const [a, b] = [leaf(1, 2), leaf(3, 4)]
    for (let i = 0; i < 3; i++) {
      a.mul(b).sum().backward()
      b.zeroGrad()
      expect(b.grad).toBeUndefined()
      expect(await a.grad!.numbers()).toEqual([3, 4])
      a.zeroGrad()
    }
  })

  onEachDevice('retained graphs may be walked back again', async () => {
    const w = leaf(2, 3)
    for (let i = 0; i < 3; i++) {
      const loss = w.mul(w).sum()
      loss.backward({ retainGraph: true })
      loss.backward()
      expect(await w.grad!.numbers()).toEqual([8, 12])
      w.zeroGrad()
    }
  })

  onEachDevice('a version that was overwritten and run since is an error that names the pass', async () => {
    const w = leaf(2, 3)
    const loss = (): Tensor => w.mul(w).sum()
    loss().backward()
    await step([w])
    const old = loss()
    w.assign(tensor([1, 1]))
    await realize()
    old.backward()
    await expect(realize()).rejects.toThrow(/^(backward|mul): .* has moved on/)
  })

  onEachDevice('inside of jit it is the same', async () => {
    const make = (): Tensor => tensor([0.5, -0.25, 1], { requiresGrad: true })
    const [a, b] = [make(), make()]
    const pass = (w: Tensor, x: Tensor): void => {
      w.zeroGrad()
      w.mul(x).tanh().mul(w).sum().backward()
      w.assign(w.sub(w.grad!.mul(0.1)))
    }
    const compiled = jit((x: Tensor) => pass(b, x))
    for (let i = 0; i < 6; i++) {
      const x = rand([3])
      x.own()
      pass(a, x)
      compiled(x)
      expect(await b.numbers()).toEqual(await a.numbers())
    }
  })

  onEachDevice('losses that are held hold nothing of the steps that they are of', async device => {
    const w = tensor(new Float32Array(8).fill(0.1), { requiresGrad: true })
    const losses: Tensor[] = []
    const steps = async (count: number): Promise<number> => {
      for (let i = 0; i < count; i++) {
        const batch = rand([1000, 8])
        batch.own()
        const loss = batch.mul(w).tanh().mean()
        loss.backward()
        await step([w])
        losses.push(loss)
        w.zeroGrad()
      }
      await settle()
      return bytesInUse(device)
    }
    const before = await steps(3)
    // a batch takes 32 kB
    expect((await steps(20)) - before).toBeLessThan(20_000)
    expect(losses.length).toBe(23)
  })
})
