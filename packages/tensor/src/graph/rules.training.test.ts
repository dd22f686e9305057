// The execution rules, as ordinary training programs: each runs as a user would write it and is compared with plain loops.

import { describe, expect } from 'vitest'
import { realize, step, type Tensor, tensor, valueAndGrad, where, zeros } from '../index.ts'
import { expectClose, single } from '../testing/close.ts'
import { onEachDevice } from '../testing/devices.ts'
import { line, type Net, net, recurrence } from '../testing/plain-models.ts'
import { draw } from '../testing/random.ts'
import { countWork } from '../testing/work.ts'

const xs = [0.5, -1, 2, 1.5, -0.25, 0.75]
const ys = [1, -0.5, 3, 2, 0.25, 1.5]
const parameter = (values: number | number[]): Tensor => tensor(values, { requiresGrad: true })
const lineLoss = (w: Tensor, b: Tensor): Tensor => tensor(xs).mul(w).add(b).sub(tensor(ys)).square().mean()

/** Plain gradient descent: queues one write a parameter, and runs the queue. */
async function descend(parameters: readonly Tensor[], lr: number): Promise<void> {
  for (const p of parameters) if (p.grad) p.assign(p.sub(p.grad.mul(lr)))
  await step(parameters)
}
const clear = (parameters: readonly Tensor[]): void => {
  for (const p of parameters) p.zeroGrad()
}
const close = async (actual: Tensor, expected: number | readonly number[], what: string): Promise<void> =>
  expectClose(await actual.numbers(), [expected].flat(), single, what)

describe('optimizers', () => {
  onEachDevice('two optimizers on one loss', async () => {
    const [w, b] = [parameter(0.1), parameter(-0.2)]
    let [pw, pb] = [0.1, -0.2]
    for (let i = 0; i < 6; i++) {
      lineLoss(w, b).backward()
      await descend([w], 0.1)
      await descend([b], 0.03)
      clear([w, b])
      const { dw, db } = line(xs, ys, pw, pb)
      pw -= 0.1 * dw
      pb -= 0.03 * db
    }
    await close(w, pw, 'w')
    await close(b, pb, 'b')
  })

  onEachDevice('a GAN step: two losses, a detached fake, gradients nobody wants', async () => {
    const z = [0.3, -0.7, 1.1]
    const real = [2, 2.5, 1.5]
    const [a, c, u, v] = [0.5, 0.1, -0.3, 0.2].map(parameter)
    let [pa, pc, pu, pv] = [0.5, 0.1, -0.3, 0.2]
    const judge = (x: Tensor): Tensor => x.mul(u).add(v)
    const [lossesD, lossesG, plainD, plainG]: number[][] = [[], [], [], []]
    for (let i = 0; i < 5; i++) {
      const fake = tensor(z).mul(a).add(c)
      const lossD = judge(tensor(real)).sub(1).square().mean().add(judge(fake.detach()).square().mean())
      clear([u, v])
      lossD.backward()
      await descend([u, v], 0.05)
      const lossG = judge(fake).sub(1).square().mean()
      clear([a, c])
      lossG.backward()
      await descend([a, c], 0.02)
      lossesD.push(await lossD.item())
      lossesG.push(await lossG.item())

      const pFake = z.map(x => pa * x + pc)
      const onReal = line(real, [1, 1, 1], pu, pv)
      const onFake = line(pFake, [0, 0, 0], pu, pv)
      plainD.push(onReal.loss + onFake.loss)
      pu -= 0.05 * (onReal.dw + onFake.dw)
      pv -= 0.05 * (onReal.db + onFake.db)
      const fooled = line(pFake, [1, 1, 1], pu, pv)
      plainG.push(fooled.loss)
      const slopes = pFake.map(f => (2 * (pu * f + pv - 1) * pu) / 3)
      pa -= 0.02 * slopes.reduce((s, d, j) => s + d * z[j], 0)
      pc -= 0.02 * slopes.reduce((s, d) => s + d, 0)
    }
    expectClose(lossesD, plainD, single, 'losses of the judge')
    expectClose(lossesG, plainG, single, 'losses of the forger')
    for (const [p, wanted] of [[a, pa], [c, pc], [u, pu], [v, pv]] as const) await close(p, wanted, 'weights') // biome-ignore format: pairs
  })

  onEachDevice('running statistics and an average of weights move with the steps', async () => {
    const [w, b] = [parameter(0.1), parameter(0)]
    const mean = zeros([])
    const average = tensor(0.1)
    let [pw, pb, pMean, pAverage] = [0.1, 0, 0, 0.1]
    for (let i = 0; i < 6; i++) {
      const out = tensor(xs).mul(w).add(b)
      mean.assign(mean.mul(0.9).add(out.detach().mean().mul(0.1)))
      out.sub(tensor(ys)).square().mean().backward()
      w.assign(w.sub(w.grad!.mul(0.1)))
      b.assign(b.sub(b.grad!.mul(0.1)))
      average.assign(average.mul(0.8).add(w.detach().mul(0.2)))
      await step([w])
      clear([w, b])

      pMean = 0.9 * pMean + 0.1 * (xs.reduce((s, x) => s + pw * x + pb, 0) / xs.length)
      const { dw, db } = line(xs, ys, pw, pb)
      pw -= 0.1 * dw
      pb -= 0.1 * db
      pAverage = 0.8 * pAverage + 0.2 * pw
    }
    await close(mean, pMean, 'running mean')
    await close(average, pAverage, 'average of w')
    await close(w, pw, 'w')
  })

  onEachDevice('running statistics of two forwards before one step', async () => {
    const mean = zeros([])
    const w = parameter(2)
    const forward = (x: number): Tensor => {
      const out = w.mul(x)
      mean.assign(mean.mul(0.5).add(out.detach().mul(0.5)))
      return out
    }
    forward(1).add(forward(3)).backward()
    await descend([w], 0.1)
    await close(mean, 0.5 * (0.5 * 2) + 0.5 * 6, 'running mean')
    await close(w, 2 - 0.1 * 4, 'w')
  })

  onEachDevice('a hand-written optimizer that ends in realize()', async () => {
    const [w, b] = [parameter(0.1), parameter(0)]
    const [vw, vb] = [zeros([]), zeros([])]
    let [pw, pb, pvw, pvb] = [0.1, 0, 0, 0]
    for (let i = 0; i < 6; i++) {
      lineLoss(w, b).backward()
      for (const [p, v] of [
        [w, vw],
        [b, vb],
      ]) {
        // biome-ignore format: pairs
        v.assign(v.mul(0.9).add(p.grad!))
        p.assign(p.sub(v.mul(0.02)))
      }
      await realize()
      clear([w, b])
      const { dw, db } = line(xs, ys, pw, pb)
      pvw = 0.9 * pvw + dw
      pvb = 0.9 * pvb + db
      pw -= 0.02 * pvw
      pb -= 0.02 * pvb
    }
    await close(w, pw, 'w')
    await close(b, pb, 'b')
    await close(vw, pvw, 'velocity')
  })

  onEachDevice('a learning rate that moves each step, as a number and as a tensor', async () => {
    const [w, b] = [parameter(0.1), parameter(0)]
    const rate = tensor(0.1)
    let [pw, pb, pRate] = [0.1, 0, 0.1]
    for (let i = 0; i < 8; i++) {
      lineLoss(w, b).backward()
      const lr = 0.1 / (i + 1)
      w.assign(w.sub(w.grad!.mul(lr)))
      b.assign(b.sub(b.grad!.mul(rate)))
      rate.assign(rate.mul(0.7))
      await step([w])
      clear([w, b])
      const { dw, db } = line(xs, ys, pw, pb)
      pw -= lr * dw
      pb -= pRate * db
      pRate *= 0.7
    }
    await close(w, pw, 'w')
    await close(b, pb, 'b')
  })

  onEachDevice('a step that data skips: where(ok, new, old)', async () => {
    const w = parameter([1, 2])
    const steps = zeros([])
    const run = async (scale: number): Promise<void> => {
      w.mul(scale).sum().backward()
      const ok = w.grad!.isnan().or(w.grad!.abs().eq(Infinity)).any().not()
      w.assign(where(ok, w.sub(w.grad!.mul(0.5)), w.detach()))
      steps.assign(where(ok, steps.add(1), steps.detach()))
      await step([w])
      w.zeroGrad()
    }
    await run(1)
    await run(Infinity)
    await run(2)
    await close(w, [-0.5, 0.5], 'w')
    await close(steps, 2, 'steps')
  })

  onEachDevice('w = w.sub(g.mul(lr)) on a plain value, read every tenth step', async () => {
    const f = valueAndGrad((w: Tensor) => tensor(xs).mul(w).sub(tensor(ys)).square().mean())
    let w = tensor(0.1)
    let pw = 0.1
    for (let i = 1; i <= 30; i++) {
      const [, g] = f(w)
      w = w.sub(g.mul(0.05)).detach()
      pw -= 0.05 * line(xs, ys, pw, 0).dw
      if (i % 10 === 0) await close(w, pw, `w after ${i} steps`)
    }
  })
})

describe('reading around a step', () => {
  onEachDevice('the gradient, the clipped norm and the loss after the step', async () => {
    const [w, b] = [parameter(3), parameter(-2)]
    let [pw, pb] = [3, -2]
    for (let i = 0; i < 3; i++) {
      const loss = lineLoss(w, b)
      loss.backward()
      const norm = w.grad!.square().add(b.grad!.square()).sqrt().keep()
      const scale = norm.add(1e-6).reciprocal().clamp(undefined, 1)
      for (const p of [w, b]) p.grad = p.grad!.mul(scale)
      await descend([w, b], 0.1)
      const { loss: wanted, dw, db } = line(xs, ys, pw, pb)
      const length = Math.hypot(dw, db)
      const factor = Math.min(1, 1 / (length + 1e-6))
      await close(loss, wanted, 'loss')
      await close(norm, length, 'norm')
      await close(w.grad!, dw * factor, 'clipped gradient of w')
      await close(b.grad!, db * factor, 'clipped gradient of b')
      clear([w, b])
      pw -= 0.1 * dw * factor
      pb -= 0.1 * db * factor
    }
    await close(w, pw, 'w')
  })

  onEachDevice('the loss before backward, between backward and step, and after', async device => {
    const [w, b] = [parameter(3), parameter(-2)]
    const loss = lineLoss(w, b)
    const wanted = line(xs, ys, 3, -2)
    await close(loss, wanted.loss, 'before')
    loss.backward()
    await close(loss, wanted.loss, 'between')
    const between = await countWork(device, () => descend([w, b], 0.1))
    expect(between.values, 'values computed by a step after its loss was read').toBeLessThanOrEqual(10)
    await close(loss, wanted.loss, 'after')
    await close(w, 3 - 0.1 * wanted.dw, 'w')
  })

  onEachDevice('losses of all steps, read at the end', async () => {
    const [w, b] = [parameter(0.1), parameter(0)]
    const losses: Tensor[] = []
    const plain: number[] = []
    let [pw, pb] = [0.1, 0]
    for (let i = 0; i < 5; i++) {
      const loss = lineLoss(w, b)
      loss.backward()
      losses.push(loss)
      await descend([w, b], 0.1)
      clear([w, b])
      const { loss: l, dw, db } = line(xs, ys, pw, pb)
      plain.push(l)
      pw -= 0.1 * dw
      pb -= 0.1 * db
    }
    expectClose(await Promise.all(losses.map(l => l.item())), plain, single, 'losses')
  })

  onEachDevice('kept logits after the step, and an error without .keep()', async () => {
    const w = parameter([1, 2])
    const x = tensor([3, 4])
    const kept = x.mul(w).keep()
    const lost = x.mul(w).add(1)
    kept.add(lost).sum().backward()
    await descend([w], 0.1)
    await close(kept, [3, 8], 'kept logits')
    await expect(lost.data()).rejects.toThrow(
      /^(add|mul): .*storage \d+ has moved on; call \.keep\(\) on the value or read it before step\(\) \(version read 0, version now 1\)/,
    )
    await expect(lost.add(kept).data()).rejects.toThrow(/has moved on; call \.keep\(\)/)
    await close(kept.add(w), [3.4, 9.2], 'kept logits with the new weights')
  })
})

describe('many backwards', () => {
  onEachDevice('accumulation over eight micro-batches, the last one ragged', async () => {
    const from = draw('accumulation')
    const rows = 30
    const x = Array.from({ length: rows }, () => from.many(3, -1, 1))
    const y = from.many(rows, -1, 1)
    const start: Net = { first: from.many(3 * 4, -1, 1), second: from.many(4, -1, 1) }
    const first = tensor(Float32Array.from(start.first), [3, 4], { requiresGrad: true })
    const second = tensor(Float32Array.from(start.second), [4], { requiresGrad: true })
    let plain = start
    for (let i = 0; i < 3; i++) {
      const losses: Tensor[] = []
      for (let at = 0; at < rows; at += 4) {
        const size = Math.min(4, rows - at)
        const input = tensor(x.slice(at, at + size))
        const error = input
          .matmul(first)
          .tanh()
          .matmul(second)
          .sub(tensor(y.slice(at, at + size)))
        const loss = error.square().sum().div(rows)
        loss.backward()
        losses.push(loss)
      }
      expect(losses).toHaveLength(8)
      await descend([first, second], 0.1)
      const wanted = net(x, y, plain)
      const sum = (await Promise.all(losses.map(l => l.item()))).reduce((p, q) => p + q, 0)
      expectClose([sum], [wanted.loss], single, 'sum of the losses')
      await close(first.grad!, wanted.slopes.first, 'gradient of the first layer')
      clear([first, second])
      plain = {
        first: plain.first.map((v, j) => v - 0.1 * wanted.slopes.first[j]),
        second: plain.second.map((v, j) => v - 0.1 * wanted.slopes.second[j]),
      }
    }
    await close(first, plain.first, 'first layer')
    await close(second, plain.second, 'second layer')
  })

  onEachDevice('truncated backpropagation through time', async () => {
    const from = draw('recurrence')
    const [inputs, targets] = [from.many(12, -1, 1), from.many(12, -1, 1)]
    const a = parameter(0.8)
    let h = tensor(0.1)
    let [pa, ph] = [0.8, 0.1]
    for (let at = 0; at < 12; at += 4) {
      const losses: Tensor[] = []
      for (let t = at; t < at + 4; t++) {
        h = h.mul(a).add(inputs[t]).tanh()
        losses.push(h.sub(targets[t]).square())
      }
      const loss = losses.reduce((p, q) => p.add(q))
      h = h.detach().keep()
      loss.backward()
      await descend([a], 0.05)
      a.zeroGrad()
      const wanted = recurrence(inputs.slice(at, at + 4), targets.slice(at, at + 4), pa, ph)
      await close(loss, wanted.loss, `loss of the window at ${at}`)
      pa -= 0.05 * wanted.slope
      ph = wanted.last
    }
    await close(a, pa, 'a')
    await close(h, ph, 'carried state')
  })

  onEachDevice('an inner loop whose steps are differentiated (MAML)', async () => {
    const w = parameter(0.3)
    const f = (v: Tensor): Tensor => tensor(xs).mul(v).sub(tensor(ys)).square().mean()
    const [, g] = valueAndGrad(f)(w)
    f(w.sub(g.mul(0.1))).backward()
    const inner = line(xs, ys, 0.3, 0)
    const curvature = (2 * xs.reduce((s, v) => s + v * v, 0)) / xs.length
    const outer = line(xs, ys, 0.3 - 0.1 * inner.dw, 0)
    await close(w.grad!, outer.dw * (1 - 0.1 * curvature), 'gradient through the inner step')
  })
})
