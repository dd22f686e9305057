// Draws against their distribution functions (Kolmogorov and Smirnov, chi-square), densities against integrals and identities, divergences against averages.

import { describe, expect, test } from 'vitest'
import { Generator, grad, setDefaultDevice, type Tensor, tensor } from '../index.ts'
import { onEachDevice } from '../testing/devices.ts'
import { testSeed } from '../testing/random.ts'
import * as d from './index.ts'

const t = (...v: number[]): Tensor => (v.length === 1 ? tensor(v[0]) : tensor(v))
/** Distribution functions by summing the density on a fine grid, for those that have no formula. */
function integrated(dist: d.Distribution, from: number, to: number): Promise<(x: number) => number> {
  const n = 20000
  const at = Float64Array.from({ length: n }, (_, i) => from + ((i + 0.5) * (to - from)) / n)
  return dist
    .logProb(tensor(at, { dtype: 'f32' }))
    .exp()
    .numbers()
    .then(p => {
      const sums = new Float64Array(n + 1)
      for (let i = 0; i < n; i++) sums[i + 1] = sums[i] + (p[i] * (to - from)) / n
      return x => sums[Math.min(n, Math.max(0, Math.round(((x - from) / (to - from)) * n)))]
    })
}
const kinds: Record<string, () => [d.Distribution, number, number]> = {
  Normal: () => [new d.Normal(t(1), t(2)), -12, 14],
  LogNormal: () => [new d.LogNormal(t(0.2), t(0.5)), 1e-4, 20],
  Uniform: () => [new d.Uniform(t(-1), t(3)), -1, 3],
  Exponential: () => [new d.Exponential(t(1.5)), 0, 15],
  Laplace: () => [new d.Laplace(t(0.5), t(1.2)), -20, 20],
  Gumbel: () => [new d.Gumbel(t(0.5), t(1.2)), -8, 30],
  Gamma: () => [new d.Gamma(t(2.5), t(1.5)), 0, 20],
  'Gamma below 1': () => [new d.Gamma(t(0.7), t(1)), 1e-7, 20],
  Beta: () => [new d.Beta(t(2), t(3.5)), 0, 1],
  StudentT: () => [new d.StudentT(t(6), t(0.5), t(1.5)), -60, 60],
}

describe('draws follow their density, and moments and entropy are its own', () => {
  for (const [name, make] of Object.entries(kinds))
    onEachDevice(name, async device => {
      const [dist, from, to] = make()
      const n = device === 'wasm' ? 4000 : 1000
      const cdf = await integrated(dist, from, to)
      expect(cdf(to), `${name} integrates to 1`).toBeCloseTo(1, name === 'Gamma below 1' ? 1 : 2)
      const x = dist.sample([n], { generator: new Generator(testSeed) })
      const values = (await x.numbers()).sort((a, b) => a - b)
      let apart = 0
      values.forEach((v, i) => {
        apart = Math.max(apart, Math.abs(cdf(v) - (i + 0.5) / n))
      })
      // 1.95 / sqrt(n) is exceeded once in a thousand
      expect(apart, `${name}, seed ${testSeed}`).toBeLessThan(
        1.95 / Math.sqrt(n) + (name === 'Gamma below 1' ? 0.01 : 0.001),
      )
      const [mean, variance] = [await dist.mean.item(), await dist.variance.item()]
      const seen = values.reduce((a, b) => a + b, 0) / n
      expect(Math.abs(seen - mean), `mean of ${name}, seed ${testSeed}`).toBeLessThan(5 * Math.sqrt(variance / n))
      if (name !== 'StudentT') {
        const logs = await dist.logProb(x).neg().mean().item()
        expect(Math.abs(logs - (await dist.entropy().item())), `entropy of ${name}, seed ${testSeed}`).toBeLessThan(0.2)
      }
    })
  onEachDevice('Cauchy: quarters', async () => {
    const x = await new d.Cauchy(t(1), t(2)).sample([2000], { generator: new Generator(testSeed) }).numbers()
    const quarters = [x.filter(v => v < -1).length, x.filter(v => v < 1).length, x.filter(v => v < 3).length]
    quarters.forEach((c, i) => expect(Math.abs(c / 2000 - (i + 1) / 4), `seed ${testSeed}`).toBeLessThan(0.055))
  })
  onEachDevice('Poisson, Bernoulli, Categorical, multinomial: chi-square', async device => {
    const n = device === 'wasm' ? 4000 : 800
    const check = (seen: number[], p: number[], what: string): void => {
      let chi = 0
      p.forEach((q, i) => {
        if (q * n > 5) chi += (seen.filter(v => v === i).length - q * n) ** 2 / (q * n)
      })
      const degrees = p.filter(q => q * n > 5).length
      expect(chi, `${what}, seed ${testSeed}`).toBeLessThan(degrees + 5 * Math.sqrt(2 * degrees) + 5)
    }
    const generator = new Generator(testSeed)
    for (const rate of [0.5, 4, 30]) {
      const dist = new d.Poisson(t(rate))
      const p = await dist
        .logProb(tensor(Array.from({ length: 80 }, (_, i) => i)))
        .exp()
        .numbers()
      expect(p.reduce((a, b) => a + b)).toBeCloseTo(1, 4)
      check(await dist.sample([n], { generator }).numbers(), p, `Poisson ${rate}`)
    }
    check(await new d.Bernoulli(t(0.3)).sample([n], { generator }).numbers(), [0.7, 0.3], 'Bernoulli')
    const weights = [0.1, 0.2, 0.3, 0.4]
    const classes = new d.Categorical(tensor(weights).log().add(3))
    check(await classes.sample([n], { generator }).numbers(), weights, 'Categorical')
    expect(
      await classes
        .logProb(tensor([3, 0], { dtype: 'i32' }))
        .exp()
        .numbers(),
    ).toEqual([expect.closeTo(0.4), expect.closeTo(0.1)])
    check(await d.multinomial(tensor(weights), n, { replacement: true, generator }).numbers(), weights, 'multinomial')
    const without = (await d.multinomial(tensor([[1, 2, 3, 0], [0, 1, 1, 1]]), 3, { generator }).toArray()) as number[][] // biome-ignore format: rows
    expect(without.map(row => row.toSorted().join())).toEqual(['0,1,2', '1,2,3'])
    const simplex = new d.Dirichlet(tensor([1, 2, 3])).sample([n], { generator })
    expect(await simplex.sum(-1).sub(1).abs().amax().item()).toBeLessThan(1e-5)
    expect(
      await simplex
        .mean(0)
        .sub(tensor([1 / 6, 2 / 6, 3 / 6]))
        .abs()
        .amax()
        .item(),
      `seed ${testSeed}`,
    ).toBeLessThan((5 * 0.19) / Math.sqrt(n))
  })
})

test('one generator gives one permutation on every device, and a split one another', async () => {
  const drawn: number[][] = []
  for (const device of ['reference', 'wasm'] as const)
    drawn.push(await d.randperm(200, { device, generator: new Generator(7) }).numbers())
  expect(drawn[0]).toEqual(drawn[1])
  expect(drawn[0].toSorted((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, i) => i))
  const other = await d.randperm(200, { device: 'wasm', generator: new Generator(7).split() }).numbers()
  expect(other).not.toEqual(drawn[0])
})

onEachDevice('divergences are averages of the difference of logarithms', async device => {
  const n = device === 'wasm' ? 20000 : 3000
  const pairs: [d.Distribution, d.Distribution][] = [
    [new d.Normal(t(0), t(1)), new d.Normal(t(0.5), t(1.5))],
    [new d.Exponential(t(1)), new d.Exponential(t(1.7))],
    [new d.Laplace(t(0), t(1)), new d.Laplace(t(0.5), t(1.5))],
    [new d.Gamma(t(2), t(1)), new d.Gamma(t(2.5), t(1.5))],
    [new d.Bernoulli(t(0.3)), new d.Bernoulli(t(0.5))],
    [new d.Poisson(t(3)), new d.Poisson(t(4))],
    [new d.Categorical(t(0, 1, 2)), new d.Categorical(t(1, 1, 1))],
    [new d.Dirichlet(t(1, 2, 3)), new d.Dirichlet(t(2, 2, 2))],
  ]
  for (const [p, q] of pairs) {
    const x = p.sample([n], { generator: new Generator(testSeed) })
    const [mean, spread] = [p.logProb(x).sub(q.logProb(x)).mean(), p.logProb(x).sub(q.logProb(x)).std()]
    const gap = Math.abs((await mean.item()) - (await d.klDivergence(p, q).item()))
    expect(gap, `${p.name}, seed ${testSeed}`).toBeLessThan((5 * (await spread.item())) / Math.sqrt(n) + 1e-4)
  }
  expect(() => d.klDivergence(pairs[0][0], pairs[1][0])).toThrow('no closed form here for Normal and Exponential')
})

test('moments have the shape of the parameters together, whichever of them is the larger', async () => {
  await setDefaultDevice('wasm')
  for (const kind of [d.Normal, d.LogNormal, d.Laplace, d.Gumbel, d.Cauchy]) {
    for (const dist of [new kind(t(1, 2, 3), t(2)), new kind(t(1), t(2, 3, 4))])
      for (const value of [dist.mean, dist.variance, dist.entropy(), dist.sample(), dist.logProb(t(0.5))])
        expect(value.shape, dist.name).toEqual([3])
  }
  expect(await new d.Normal(t(1), t(2, 2)).entropy().numbers()).toEqual(
    await new d.Normal(t(1, 1), t(2)).entropy().numbers(),
  )
})

test('rsample has the gradient of its parameters; others say that they have none', async () => {
  await setDefaultDevice('wasm')
  const scale = tensor(2, { requiresGrad: true })
  const x = new d.Normal(t(0), scale).rsample([3], { generator: new Generator(1) })
  const [g] = grad(x.sum(), [scale])
  expect(await g.mul(2).sub(x.sum()).abs().item()).toBeLessThan(1e-5)
  expect(() => new d.Poisson(t(1)).rsample()).toThrow('Poisson has no draws with a gradient')
  expect(() => d.multinomial(t(1, 2), 3)).toThrow('cannot draw 3 of 2 without replacement')
  expect(() => new d.Normal(tensor(1, { dtype: 'i32' }), t(1))).toThrow('needs floating point')
})
