// Random numbers: published vectors of the generator, equal bits on every device, the same mask when a value is computed again,
// distributions within five standard errors, state that saves and loads, errors.

import { describe, expect, test } from 'vitest'
import {
  bernoulli,
  defaultGenerator,
  dropout,
  Generator,
  manualSeed,
  normal,
  ones,
  permutation,
  rand,
  randint,
  randn,
  randomBits,
  tensor,
  uniform,
} from './index.ts'
import { threefry } from './kernel/threefry.ts'
import { onEachDevice } from './testing/devices.ts'
import { testSeed } from './testing/random.ts'

const on = { device: 'reference' } as const

test('Threefry-2x32 gives the known answers of Random123', () => {
  expect(threefry(0, 0, 0, 0)).toBe(0x6b200159)
  expect(threefry(-1, -1, -1, -1)).toBe(0x1cb996fc)
  expect(threefry(0x13198a2e, 0x03707344, 0x243f6a88, 0x85a308d3)).toBe(0xc4923a9c)
})

onEachDevice('bits are those of Threefry, counted by element and draw', async () => {
  const generator = new Generator(2 ** 40 + 77)
  const first = await randomBits([3, 2], { generator }).numbers()
  const second = await randomBits([4], { generator }).numbers()
  expect(first).toEqual([0, 1, 2, 3, 4, 5].map(i => threefry(77, 2 ** 8, i, 0)))
  expect(second).toEqual([0, 1, 2, 3].map(i => threefry(77, 2 ** 8, i, 1)))
})

onEachDevice('uniform numbers are the top 24 bits', async () => {
  const bits = await randomBits([100], { generator: new Generator(5) }).numbers()
  const drawn = await rand([100], { generator: new Generator(5) }).numbers()
  expect(drawn).toEqual(bits.map(b => (b >>> 8) / 2 ** 24))
})

onEachDevice('integers are the upper half of bits times range', async () => {
  for (const [low, high] of [
    [0, 7],
    [-5, 2 ** 20 + 3],
    [-(2 ** 31), 2 ** 31],
    [-1, 2 ** 31 - 1],
  ]) {
    // biome-ignore format: pairs
    const bits = await randomBits([50], { generator: new Generator(5) }).numbers()
    const drawn = await randint(low, high, [50], { generator: new Generator(5) }).numbers()
    expect(drawn).toEqual(bits.map(b => Number((BigInt(b) * BigInt(high - low)) >> 32n) + low))
  }
})

onEachDevice('a seed repeats, and another one does not', async () => {
  manualSeed(3)
  const a = await randn([8]).numbers()
  const b = await randn([8]).numbers()
  manualSeed(3)
  expect(await randn([8]).numbers()).toEqual(a)
  expect(b).not.toEqual(a)
  manualSeed(4)
  expect(await randn([8]).numbers()).not.toEqual(a)
})

onEachDevice('the draw is taken when the node is made, so computing again repeats it', async () => {
  const x = rand([16])
  const twice = x.mul(2)
  const later = await rand([16]).numbers()
  const first = await x.numbers()
  expect(await twice.numbers()).toEqual(first.map(v => v * 2))
  expect(await x.add(0).numbers()).toEqual(first)
  expect(later).not.toEqual(first)
})

onEachDevice('two draws in one expression differ', async () => {
  const difference = await rand([64])
    .sub(rand([64]))
    .abs()
    .sum()
    .item()
  expect(difference).toBeGreaterThan(1)
})

/** mean and standard deviation against what they should be, within five standard errors of n draws */
function expectMoments(values: readonly number[], mean: number, std: number): void {
  const n = values.length
  const m = values.reduce((a, b) => a + b, 0) / n
  const s = Math.sqrt(values.reduce((a, b) => a + (b - m) ** 2, 0) / n)
  expect(Math.abs(m - mean), `mean ${m} (seed ${testSeed})`).toBeLessThan((5 * std) / Math.sqrt(n))
  expect(Math.abs(s - std), `std ${s} (seed ${testSeed})`).toBeLessThan((5 * std) / Math.sqrt(n))
}

describe('distributions', () => {
  const n = 20_000
  const generator = (): Generator => new Generator(testSeed)
  onEachDevice(
    'uniform, normal, bernoulli, integers',
    async () => {
      const from = generator()
      const u = await uniform([n], -2, 3, { generator: from }).numbers()
      expectMoments(u, 0.5, 5 / Math.sqrt(12))
      expect(Math.min(...u)).toBeGreaterThanOrEqual(-2)
      expect(Math.max(...u)).toBeLessThanOrEqual(3)
      const z = await randn([n], { generator: from }).numbers()
      expectMoments(z, 0, 1)
      expect(z.every(Number.isFinite)).toBe(true)
      expect(Math.max(...z)).toBeGreaterThan(3)
      expectMoments(await normal([n], 4, 0.5, { generator: from }).numbers(), 4, 0.5)
      const b = await bernoulli([n], 0.3, { generator: from }).numbers()
      expectMoments(b, 0.3, Math.sqrt(0.21))
      const k = randint(-3, 4, [n], { generator: from })
      expect(k.dtype).toBe('i32')
      const counts = Map.groupBy(await k.numbers(), v => v)
      expect([...counts.keys()].sort((p, q) => p - q)).toEqual([-3, -2, -1, 0, 1, 2, 3])
      for (const list of counts.values()) expect(Math.abs(list.length - n / 7)).toBeLessThan(5 * Math.sqrt(n / 7))
    },
    { on: ['reference', 'wasm'] },
  )
  onEachDevice(
    'large ranges of integers stay inside',
    async () => {
      const k = await randint(-(2 ** 31), 2 ** 31 - 1, [n], { generator: generator() }).numbers()
      expect(k.every(v => Number.isInteger(v) && v >= -(2 ** 31) && v < 2 ** 31 - 1)).toBe(true)
      expect(Math.min(...k)).toBeLessThan(-(2 ** 30))
      expect(Math.max(...k)).toBeGreaterThan(2 ** 30)
    },
    { on: ['reference', 'wasm'] },
  )
  test('other dtypes and gradients', async () => {
    expect(rand([2], { ...on, dtype: 'f16' }).dtype).toBe('f16')
    const w = randn([3], { ...on, requiresGrad: true })
    const values = await w.numbers()
    w.sum().backward()
    expect(await w.grad!.numbers()).toEqual([1, 1, 1])
    expect(await w.numbers()).toEqual(values)
  })
})

describe('dropout', () => {
  onEachDevice('keeps the mean, and the mask of the forward in the backward', async () => {
    const x = ones([4000], { requiresGrad: true })
    const y = dropout(x, 0.25, { generator: new Generator(testSeed) })
    const scale = Math.fround(1 / 0.75)
    const out = await y.numbers()
    expect([...new Set(out)].sort()).toEqual([0, scale])
    expect(Math.abs(out.filter(v => v > 0).length / 4000 - 0.75)).toBeLessThan(5 * Math.sqrt(0.1875 / 4000))
    y.sum().backward()
    expect(await x.grad!.numbers()).toEqual(out)
  })
  onEachDevice('with 0 it is the value itself, with 1 nothing', async () => {
    const x = tensor([1, 2])
    expect(dropout(x, 0)).toBe(x)
    expect(await dropout(x, 1).numbers()).toEqual([0, 0])
  })
})

describe('Generator', () => {
  test('state saves and loads', () => {
    const g = new Generator(9)
    g.uniform()
    const saved = g.state
    const next = [g.uniform(), g.uniform(), g.integer(100)]
    g.state = saved
    expect([g.uniform(), g.uniform(), g.integer(100)]).toEqual(next)
    const other = new Generator(0)
    other.state = JSON.parse(JSON.stringify(saved))
    expect([other.uniform(), other.uniform(), other.integer(100)]).toEqual(next)
  })
  test('split gives streams of their own, the same each time', () => {
    const [a, b] = [new Generator(9).split(), new Generator(9).split()]
    expect(a.uniform()).toBe(b.uniform())
    const g = new Generator(9)
    const [first, second] = [g.split(), g.split()]
    expect(new Set([first.uniform(), second.uniform(), g.uniform(), new Generator(9).uniform()]).size).toBe(4)
  })
  test('the global generator has a state too', () => {
    manualSeed(11)
    const { state } = defaultGenerator()
    const a = permutation(5)
    defaultGenerator().state = state
    expect(permutation(5)).toEqual(a)
  })
  test('permutations hold each number once and vary', () => {
    const g = new Generator(testSeed)
    const [a, b] = [permutation(100, g), permutation(100, g)]
    for (const p of [a, b]) expect([...p].sort((x, y) => x - y)).toEqual(Array.from({ length: 100 }, (_, i) => i))
    expect(a).not.toEqual(b)
    expect(permutation(0, g)).toEqual(new Int32Array(0))
  })
})

describe('errors', () => {
  const cases: [string, () => unknown, RegExp][] = [
    ['a negative size', () => rand([-1], on), /^rand\w*: sizes must be non-negative integers \(shape \[-1\]\)/],
    ['a fractional size', () => randn([1.5], on), /: sizes must be non-negative integers \(shape \[1\.5\]\)/],
    ['random integers as dtype', () => rand([1], { ...on, dtype: 'i32' }), /^rand: needs floating point, not i32; use randint/],
    ['no integers between', () => randint(3, 3, [1], on), /^randint: .*3.*3/],
    ['fractions as bounds', () => randint(0, 1.5, [1], on), /^randint: .*1\.5/],
    ['a probability above 1', () => bernoulli([1], 1.5, on), /^bernoulli: .*1\.5/],
    ['a probability below 0', () => dropout(tensor([1], on), -0.1), /^dropout: .*-0\.1/],
    ['a probability that is NaN', () => dropout(tensor([1], on), NaN), /^dropout: .*NaN/],
    ['dropout of integers', () => dropout(tensor([1], { ...on, dtype: 'i32' }), 0.5), /^dropout: needs floating point, not i32/],
    ['a permutation of a fraction', () => permutation(2.5), /^permutation: .*2\.5/],
    ['a seed that is NaN', () => manualSeed(NaN), /^manualSeed: .*NaN/],
  ] // biome-ignore format: one case a line
  for (const [name, run, message] of cases) test(name, () => expect(run).toThrow(message))
})
