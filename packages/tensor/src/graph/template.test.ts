// A function whose graph is built once: its values for what tensors and live numbers are now, and when it has to be called after all.

import { expect } from 'vitest'
import { defaultDevice, jit, live, rand, realize, statistics, step, Template, type Tensor, tensor } from '../index.ts'
import { onEachDevice } from '../testing/devices.ts'

onEachDevice('versions, live numbers and what is given are those of now; the function runs once', async () => {
  const [a, b] = [tensor([1, 2]), tensor([10, 20])]
  const options = { rate: 2 }
  let calls = 0
  const first = tensor([0.5, 0.5])
  const { values: made, template } = Template.of('mix', [first], () => {
    calls++
    const sum = a.add(b)
    return [sum.mul(live(options, o => o.rate)), sum.mul(first).add(1)]
  })
  expect(await made[0].numbers()).toEqual([22, 44])
  a.assign(tensor([3, 4]))
  options.rate = 10
  const [x, y] = template.again([tensor([2, 3])])
  expect([await x.numbers(), await y.numbers()]).toEqual([
    [130, 240],
    [27, 73],
  ])
  expect(calls).toBe(1)
})

onEachDevice('values go back where they came from, step by step, and make a few nodes each time', async () => {
  const p = tensor([1, 2, 3])
  const { values: made, template } = Template.of('decay', [], () => {
    let x: Tensor = p
    for (let i = 0; i < 20; i++) x = x.mul(0.9).add(p)
    return [x.div(p.abs().sum())]
  })
  const plain = async (values: readonly number[]): Promise<number[]> => {
    let x = tensor([...values])
    const start = x
    for (let i = 0; i < 20; i++) x = x.mul(0.9).add(start)
    return x.div(start.abs().sum()).numbers()
  }
  let wanted = [1, 2, 3]
  let values = made
  for (let i = 0; i < 4; i++) {
    p.assign(values[0])
    void step([p])
    wanted = await plain(wanted)
    expect(await p.numbers()).toEqual(wanted)
    const before = statistics(defaultDevice()).nodesBuilt
    values = template.again([])
    expect(statistics(defaultDevice()).nodesBuilt - before).toBe(2)
  }
})

onEachDevice('values that are asked for one by one, in several runs, or never', async () => {
  const p = tensor([1, 2, 3])
  const { values: first, template } = Template.of('several', [], () => [p.add(1), p.mul(2), p.exp().sum(), p])
  for (let i = 0; i < 2; i++) {
    const values = i === 0 ? first : template.again([])
    expect(await values[1].numbers()).toEqual([2, 4, 6])
    expect(await values[0].numbers()).toEqual([2, 3, 4])
    expect(await values[3].mul(values[0]).numbers()).toEqual([2, 6, 12])
  }
})

onEachDevice('what drew random numbers or took a value from outside has to be called', async () => {
  const p = tensor([1, 2, 3])
  const outside = p.mul(2)
  expect(Template.of('draws', [], () => [p.mul(rand([3]))]).template.repeats).toBe(false)
  const { values, template: taken } = Template.of('takes', [], () => [p.add(outside)])
  expect(taken.repeats).toBe(false)
  expect(await values[0].numbers()).toEqual([3, 6, 9])
  expect(() => taken.again([])).toThrow(/^Template: /)
  const alone = Template.of('constant', [], () => [tensor([1]).mul(3)])
  expect(await alone.values[0].numbers()).toEqual([3])
})

onEachDevice('a jitted function has to see what is read: nothing repeats while it runs', async () => {
  const p = tensor([1, 2, 3])
  const { template } = Template.of('outer', [], () => [p.add(1)])
  const seen: boolean[] = []
  const run = jit(() => {
    seen.push(template.repeats)
    return Template.of('inner', [], () => [p.mul(2)]).values[0]
  })
  for (let i = 0; i < 5; i++) {
    p.assign(tensor([i, 0, 0]))
    expect(await run().numbers()).toEqual([2 * i, 0, 0])
  }
  expect(seen.slice(1)).toEqual([false, false])
  expect(template.repeats).toBe(true)
  await realize()
})

onEachDevice('values of one template in another, and under a gradient', async () => {
  const p = tensor([1, 2, 3])
  const w = tensor([2, 2, 2], { requiresGrad: true })
  const nested = Template.of('outer', [], () => {
    const { values } = Template.of('inner', [], () => [p.mul(2), p.add(1)])
    return [values[1].mul(values[0]), values[0].sub(1)]
  })
  expect(await nested.values[0].numbers()).toEqual([4, 12, 24])
  expect(await nested.values[1].numbers()).toEqual([1, 3, 5])
  const { template } = Template.of('scale', [], () => [p.mul(live(p, () => 3))])
  for (let i = 1; i < 4; i++) {
    p.assign(tensor([i, 2, 3]))
    w.mul(template.again([])[0]).sum().backward()
    expect(await w.grad!.numbers()).toEqual([3 * i, 6, 9])
    w.zeroGrad()
  }
})

onEachDevice('what has gradient history keeps it, and what is given twice is asked for again', async () => {
  const w = tensor([1, 2], { requiresGrad: true })
  const { values, template } = Template.of('differentiable', [], () => [w.mul(2)])
  values[0].sum().backward()
  expect(await w.grad!.numbers()).toEqual([2, 2])
  expect(template.repeats).toBe(false)
  const [p, c] = [tensor([1, 1]), tensor(2)]
  const twice = Template.of('twice', [c, c], () => [p.mul(c).add(c)])
  expect(await twice.values[0].numbers()).toEqual([4, 4])
  expect(twice.template.repeats).toBe(false)
})

onEachDevice('other shapes and dtypes than those it was given are an error', async () => {
  const p = tensor([1, 2])
  const { values, template } = Template.of('typed', [tensor(2)], () => [p.mul(3)])
  expect(await values[0].numbers()).toEqual([3, 6])
  for (const given of [[tensor([2])], [tensor(2, { dtype: 'i32' })], []])
    expect(() => template.again(given)).toThrow(/^Template: typed was given tensors of other shapes or dtypes/)
  expect(await template.again([tensor(5)])[0].numbers()).toEqual([3, 6])
})

onEachDevice(
  'a structure that is in use is known for good, however many others there are',
  async device => {
    const p = tensor([1, 2])
    const used = (): Tensor => Template.of('used', [], () => [p.mul(p).exp()]).values[0]
    const compiled = (): number => statistics(device).plansCompiled
    await used().numbers()
    const before = compiled()
    for (let i = 0; i < 1200; i++) {
      const ops = Array.from({ length: 11 }, (_, bit) => (i >> bit) & 1)
      Template.of('other', [], () => [ops.reduce((x: Tensor, op) => (op ? x.add(p) : x.mul(p)), p)])
      if (i % 200 === 0) used()
    }
    expect(await used().numbers()).toEqual([Math.fround(Math.exp(1)), expect.closeTo(Math.exp(4), 4)])
    expect(compiled()).toBe(before)
  },
  { on: ['wasm'] },
)
