import { bytesInUse, type Tensor, tensor, zeros } from '@cairn/tensor'
import { loadSafetensors, saveSafetensors } from '@cairn/tensor/interop'
import { expect } from 'vitest'
import { onEachDevice } from '../../tensor/src/testing/devices.ts'
import { settle } from '../../tensor/src/testing/settle.ts'
import { expectClose, leaf, numbers, setGrad } from '../testing.ts'
import { AdamW, clipGradNorm, clipGradValue, decayGroups, gradNorm, NAdam, type Optimizer, SGD } from './index.ts'

onEachDevice('trains by backward', async () => {
  const w = leaf([3, -2])
  const opt = new SGD([w], { lr: 0.1 })
  for (let i = 0; i < 40; i++) {
    opt.zeroGrad()
    w.mul(w).sum().backward()
    await opt.step()
  }
  await expectClose(w, [3 * 0.8 ** 40, -2 * 0.8 ** 40])
})

onEachDevice('a parameter without a gradient is left alone, and its steps do not count', async () => {
  const run = async (present: (step: number) => boolean) => {
    const [a, b] = [leaf([1]), leaf([1])]
    const opt = new AdamW([a, b], { lr: 0.1 })
    for (let step = 0; step < 35; step++) {
      opt.zeroGrad()
      setGrad(a, numbers(1, step))
      if (present(step)) setGrad(b, numbers(1, 50 + step))
      await opt.step()
    }
    return { a: await a.item(), b: await b.item() }
  }
  const some = await run(step => step % 3 === 1)
  const alone = await (async () => {
    const b = leaf([1])
    const opt = new AdamW([b], { lr: 0.1 })
    for (let step = 1; step < 35; step += 3) {
      setGrad(b, numbers(1, 50 + step))
      await opt.step()
    }
    return b.item()
  })()
  expect(some.a).toBe((await run(() => true)).a)
  expect(some.b).toBe(alone)
  expect((await run(() => false)).b).toBe(1)
})

onEachDevice('a step that is skipped by data leaves no trace', async () => {
  const run = async (steps: readonly { g: number; ok: boolean }[], gated: boolean) => {
    const p = leaf([1, 2])
    const opt = new NAdam([p], { lr: 0.05 })
    for (const { g, ok } of steps) {
      if (!gated && !ok) continue
      setGrad(p, [g, -g])
      await opt.step(gated ? { when: tensor([g]).abs().sum().lt(1e9) } : {})
    }
    return p.toArray()
  }
  const steps = numbers(40).map((g, i) => (i % 5 === 2 ? { g: Infinity, ok: false } : { g, ok: true }))
  expect(await run(steps, true)).toEqual(await run(steps, false))
})

onEachDevice('groups have options of their own, and lr sets all of them', async () => {
  const [a, b] = [leaf([1]), leaf([1])]
  const opt = new SGD([{ params: [a] }, { params: [b], lr: 0.5, weightDecay: 1 }], { lr: 0.1 })
  for (const p of [a, b]) setGrad(p, [1])
  await opt.step()
  await expectClose(a, [0.9])
  await expectClose(b, [0])
  opt.groups[1].lr = 1
  for (const p of [a, b]) setGrad(p, [1])
  await opt.step()
  await expectClose(b, [-1])
  opt.lr = 0
  expect(opt.groups.map(g => g.lr)).toEqual([0, 0])
  const both = decayGroups([zeros([2, 2]), zeros([2])], 0.1)
  expect(both.map(g => [g.params.length, g.weightDecay])).toEqual([
    [1, 0.1],
    [1, 0],
  ])
})

const absences: [string, (step: number) => boolean][] = [
  ['of one counter', () => false],
  ['of several counters', step => step === 3],
]
for (const [kind, isAbsent] of absences)
  onEachDevice(`a saved and loaded optimizer ${kind} goes on bit for bit`, async () => {
    const make = (values: readonly number[]): [Tensor[], Optimizer<{ lr: number }>] => {
      const params = [leaf(values.slice(0, 2)), leaf(values.slice(2))]
      return [params, new NAdam([{ params: [params[0]] }, { params: [params[1]], lr: 0.3 }], { lr: 0.01 })]
    }
    const advance = async (params: Tensor[], opt: Optimizer<{ lr: number }>, from: number, to: number) => {
      for (let step = from; step < to; step++) {
        opt.zeroGrad()
        setGrad(params[0], numbers(2, step))
        if (!isAbsent(step)) setGrad(params[1], numbers(3, 90 + step))
        await opt.step()
      }
    }
    const [params, opt] = make(numbers(5))
    await advance(params, opt, 0, 17)
    opt.lr = 0.2
    const { settings, tensors } = opt.stateDict()
    const bytes = await saveSafetensors(tensors)
    const values = (await Promise.all(params.map(p => p.numbers()))).flat()
    await advance(params, opt, 17, 40)

    const [resumed, again] = make(values)
    again.loadStateDict({ settings: JSON.parse(JSON.stringify(settings)), tensors: loadSafetensors(bytes) })
    expect(again.lr).toBe(0.2)
    await advance(resumed, again, 17, 40)
    for (const i of [0, 1]) expect(await resumed[i].numbers()).toEqual(await params[i].numbers())
  })

onEachDevice('a state that does not fit is refused', () => {
  const opt = new AdamW([leaf([1, 2])])
  const state = opt.stateDict()
  const wider = new AdamW([leaf([1, 2, 3])])
  expect(() => wider.loadStateDict(state)).toThrow("'0.exp_avg' is [2] there and [3] here")
  expect(() => new AdamW([leaf([1, 2]), leaf([1])]).loadStateDict(state)).toThrow('do not fit groups of [2]')
  const tensors = new Map([
    ['0.exp_avg', zeros([2])],
    ['7.exp_avg', zeros([2])],
  ])
  expect(() => opt.loadStateDict({ ...state, tensors })).toThrow("'7.exp_avg' names no parameter")
  expect(() => opt.loadStateDict({ ...state, tensors: new Map([['x', zeros([2])]]) })).toThrow("not an optimizer's")
})

onEachDevice('narrow parameters keep f32 state', async () => {
  const p = tensor([1, 2], { dtype: 'bf16', requiresGrad: true })
  const opt = new AdamW([p], { lr: 0.1 })
  p.grad = tensor([1, -1], { dtype: 'bf16' })
  await opt.step()
  expect(p.dtype).toBe('bf16')
  expect(opt.stateDict().tensors.get('0.exp_avg')!.dtype).toBe('f32')
  await expectClose(p, [0.9, 2.1], 1e-2)
})

onEachDevice('misuse', () => {
  const p = leaf([1])
  expect(() => new SGD([], { lr: 1 })).toThrow('SGD: needs at least one parameter')
  expect(() => new SGD([p, p], { lr: 1 })).toThrow('given twice')
  expect(() => new SGD([p.mul(2)], { lr: 1 })).toThrow('optimizes leaves')
})

onEachDevice('clipping by norm scales all gradients together and gives the norm before', async () => {
  const params = [leaf([1, 1]), leaf([1]), leaf([1])]
  setGrad(params[0], [3, 0])
  setGrad(params[1], [4])
  const norm = clipGradNorm(params, 1)
  await expectClose(params[0].grad!, [3 / 5, 0])
  await expectClose(params[1].grad!, [4 / 5])
  expect(params[2].grad).toBeUndefined()
  expect(await norm.item()).toBeCloseTo(5)
  expect(await clipGradNorm(params, 10).item()).toBeCloseTo(1)
  await expectClose(params[1].grad!, [4 / 5])
  expect(await gradNorm(params, { normType: Infinity }).item()).toBeCloseTo(0.8)
  expect(await gradNorm(params, { normType: 1 }).item()).toBeCloseTo(1.4)
  clipGradValue(params, 0.7)
  await expectClose(params[1].grad!, [0.7])
  expect(() => clipGradNorm([leaf([1])], 1)).toThrow('no parameter has a gradient')
})

onEachDevice('the clipped norm and the gradient can be read after the step', async () => {
  const w = leaf([3, 4])
  const opt = new SGD([w], { lr: 1 })
  w.mul(w).sum().mul(0.5).backward()
  const norm = clipGradNorm([w], 1)
  await opt.step()
  expect(await norm.item()).toBeCloseTo(5)
  await expectClose(w.grad!, [0.6, 0.8])
  await expectClose(w, [2.4, 3.2])
})

onEachDevice('disposing frees the state', async () => {
  const p = leaf([1])
  const opt = new AdamW([p])
  const state = opt.stateDict().tensors.get('0.exp_avg')!
  opt[Symbol.dispose]()
  await expect(state.add(1).data()).rejects.toThrow('disposed')
})

onEachDevice(
  'the state of a parameter that has left its group goes with it, and stays while it may come back',
  async device => {
    const parameters = (): Tensor[] => [tensor(new Float32Array(1000).fill(1), { requiresGrad: true })]
    const opt = new SGD(parameters(), { lr: 0.5, momentum: 0.5 })
    const steps = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++) {
        for (const p of opt.groups[0].params) p.grad = p.onesLike()
        await opt.step()
      }
    }
    await steps(2)
    const [first] = opt.groups[0].params
    await settle()
    const before = bytesInUse(device)
    for (let i = 0; i < 10; i++) {
      opt.groups[0].params = parameters()
      await steps(1)
    }
    opt.groups[0].params = [first]
    await steps(1)
    await settle()
    expect(bytesInUse(device) - before).toBeLessThan(1000)
    // momentum 1, 1.5, 1.75
    expect((await first.numbers())[0]).toBe(1 - 0.5 * (1 + 1.5 + 1.75))
  },
)
