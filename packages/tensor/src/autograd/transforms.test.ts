// Transforms of functions: forward mode, Jacobians and Hessians, derivatives of the user's own, trees of arguments, and all of them nested.

import { describe, expect, test } from 'vitest'
import {
  customGradient,
  grad,
  hessian,
  hvp,
  jacobian,
  jvp,
  linearize,
  noGrad,
  ones,
  randn,
  readAll,
  realize,
  stack,
  type Tensor,
  tensor,
  valueAndGrad,
  vjp,
  vmap,
} from '../index.ts'
import { expectClose } from '../testing/close.ts'
import { onEachDevice } from '../testing/devices.ts'
import { countLaunches } from '../testing/work.ts'

/** Compares trees of tensors. */
async function same(got: readonly Tensor[], want: readonly Tensor[], what: string): Promise<void> {
  expect(
    got.map(t => t.shape),
    what,
  ).toEqual(want.map(t => t.shape))
  const values = await readAll([...got, ...want])
  got.forEach((_, i) => {
    const [a, b] = [values[i], values[got.length + i]].map(v => Array.from(v as Float32Array))
    expectClose(a, b, { absolute: 2e-5, relative: 2e-4 }, `${what} ${i}`)
  })
}

/** smooth, with softmax (a derivative of its own), a product, a reduction and views */
const f = (x: Tensor): Tensor => {
  const s = x.softmax(-1)
  return s.reshape([s.size, 1]).mul(x.flatten().unsqueeze(0)).tanh().sum(0).mul(x.flatten().sigmoid()).mean()
}
/** a vector function of a vector */
const g = (x: Tensor): Tensor => x.sin().mul(x.flip(0)).cumsum(0).slice([0, -1])

describe('trees of arguments', () => {
  onEachDevice('grad and valueAndGrad of an object, of several arguments, with aux', async () => {
    const loss = (p: { w: Tensor; b: readonly [Tensor] }, x: Tensor, scale: number): Tensor =>
      x.mul(p.w).add(p.b[0]).square().sum().mul(scale)
    const p = { w: tensor([1, 2]), b: [tensor(1)] as const }
    const x = tensor([3, -1])
    const gp = grad(loss)(p, x, 0.5)
    await same([gp.w, gp.b[0]], [tensor([12, 1]), tensor(3)], 'an object')
    const [value, [gx, again]] = valueAndGrad(loss, { argnums: [1, 0] })(p, x, 0.5)
    await same([value, gx, again.w], [tensor(8.5), tensor([4, -2]), tensor([12, 1])], 'several')
    const withAux = (v: Tensor) => [v.square().sum(), { double: v.mul(2), note: 'n' }] as const
    const [gv, aux] = grad(withAux, { hasAux: true })(x)
    await same([gv, aux.double], [tensor([6, -2]), tensor([6, -2])], 'aux')
    expect(aux.note).toBe('n')
    expect(aux.double.requiresGrad).toBe(false)
    const [[v2]] = valueAndGrad(withAux, { hasAux: true })(x)
    expect(await v2.item()).toBe(10)
  })
  onEachDevice('what a function does not use has zeros', async () => {
    const unused = grad((p: { a: Tensor; b: Tensor }) => p.a.sum())({ a: tensor([1, 2]), b: tensor([[1]]) })
    await same([unused.a, unused.b], [tensor([1, 1]), tensor([[0]])], 'unused')
    await same([grad((_: Tensor) => tensor(1))(tensor([1, 2]))], [tensor([0, 0])], 'constant')
  })
  onEachDevice('vjp and jvp of trees; integers have zeros', async () => {
    const h = (p: { x: Tensor; i: Tensor }, y: Tensor) => ({ s: p.x.indexSelect(0, p.i).mul(y), c: p.i.add(1) })
    const p = { x: tensor([1, 2, 3]), i: tensor([2, 0], { dtype: 'i32' }) }
    const y = tensor([10, 100])
    const [out, pull] = vjp(h, p, y)
    await same([out.s], [tensor([30, 100])], 'value')
    const [gp, gy] = pull({ s: tensor([1, 2]), c: out.c })
    await same([gp.x, gy], [tensor([200, 0, 10]), tensor([3, 2])], 'pullback')
    expect(await gp.i.numbers()).toEqual([0, 0])
    const [, t] = jvp(h, [p, y], [{ x: tensor([1, 0, 0]), i: p.i }, tensor([0, 1])])
    await same([t.s], [tensor([0, 101])], 'pushforward')
    expect(await t.c.numbers()).toEqual([0, 0])
  })
  test('mistakes, by name', () => {
    const on = { device: 'reference' } as const
    const x = tensor([1, 2], on)
    const i = tensor([1, 2], { ...on, dtype: 'i32' })
    const cases: [() => unknown, RegExp][] = [
      [() => grad((v: Tensor) => v.sum())(i), /^grad: argument 0 is i32 and has no derivative; convert with \.to\('f32'\)/],
      [() => grad((v: { n: Tensor }) => v.n.sum())({ n: i }), /^grad: argument 0\.n is i32/],
      [() => grad((v: Tensor) => v.sum(), { argnums: 1 as 0 })(x), /^grad: there is no argument 1 to differentiate \(arguments 1\)/],
      [() => grad((v: Tensor) => v)(x), /^grad: needs a function that returns one element \(shape \[2\]\)/],
      [() => grad((v: Tensor) => [v.sum()] as unknown as Tensor)(x), /^grad: needs a function that returns a tensor/],
      [() => jvp((v: Tensor) => v, [x], [tensor([1], on)]), /^jvp: the gradient has another shape: \[1\] for \[2\]/],
      [() => vjp((v: Tensor) => [v, v] as const, x)[1]([x] as never), /^vjp: needs 2 tensors in the structure of the values, got 1/],
      [() => jacobian((v: Tensor) => v)(i), /^jacobian: an argument is i32/],
    ] // biome-ignore format: one case a line
    for (const [run, message] of cases) expect(run).toThrow(message)
  })
})

describe('forward mode', () => {
  onEachDevice('is the Jacobian times the tangent, and linear in it', async () => {
    const [x, t] = [randn([5]).keep(), randn([5]).keep()]
    const [value, push] = jvp(g, [x], [t])
    const j = jacobian(g, { mode: 'reverse' })(x)
    await same([value, push], [g(x), j.matmul(t)], 'jvp')
    const [v2, linear] = linearize(g, x)
    await same([v2, linear(t), linear(t.mul(3))], [g(x), push, push.mul(3)], 'linearize')
  })
  onEachDevice('costs the kernels of a forward pass written by hand', async device => {
    if (device === 'reference') return
    const shapes = [[32, 16], [16, 64], [64], [64, 10], [10], [32, 16]] // biome-ignore format: short
    const [x, w1, b1, w2, b2, t] = shapes.map(s => randn(s).keep())
    await realize()
    const mlp = (v: Tensor): Tensor => v.matmul(w1).add(b1).tanh().matmul(w2).add(b2).logSoftmax(-1)
    const byHand = (): Tensor[] => {
      const h = x.matmul(w1).add(b1).tanh()
      const y = h.matmul(w2).add(b2).logSoftmax(-1)
      const dz = t.matmul(w1).mul(h.mul(h).neg().add(1)).matmul(w2)
      return [y, dz.sub(y.exp().mul(dz).sum(-1, { keepDim: true }))]
    }
    await same(jvp(mlp, [x], [t]), byHand(), 'an MLP')
    const own = await countLaunches(device, () => readAll(jvp(mlp, [x], [t])))
    const hand = await countLaunches(device, () => readAll(byHand()))
    expect(own).toBeLessThanOrEqual(hand)
  })
  onEachDevice('leaves no history behind', async () => {
    let x = tensor([0.5, 1])
    for (let i = 0; i < 3; i++) {
      const [value, t] = jvp((v: Tensor) => v.sin(), [x], [ones([2])])
      expect([value.requiresGrad, t.requiresGrad]).toEqual([false, false])
      x = value.add(t)
    }
    expect((await x.numbers()).every(Number.isFinite)).toBe(true)
    const w = tensor([1, 2], { requiresGrad: true })
    const [, t] = jvp((v: Tensor) => v.mul(w).square(), [tensor([3, 4])], [ones([2])])
    t.sum().backward()
    await same([w.grad!], [tensor([12, 32])], 'of what was captured')
    expect(noGrad(() => jvp((v: Tensor) => v.mul(w), [tensor([3, 4])], [ones([2])]))[1].requiresGrad).toBe(false)
  })
})

describe('Jacobians and Hessians', () => {
  onEachDevice('both modes agree with the derivative of each element', async () => {
    const x = randn([2, 3]).keep()
    const h = (v: Tensor): Tensor => v.transpose(0, 1).matmul(v).exp().slice([0, 2])
    const [r, w, either] = [jacobian(h, { mode: 'reverse' })(x), jacobian(h, { mode: 'forward' })(x), jacobian(h)(x)]
    const rows = Array.from({ length: 6 }, (_, i) => grad((v: Tensor) => h(v).flatten().select(0, i))(x))
    const want = stack(rows).reshape([2, 3, 2, 3])
    await same([r, w, either], [want, want, want], 'Jacobian')
  })
  onEachDevice('of trees: results outside, arguments inside', async () => {
    const h = (p: { a: Tensor; b: Tensor }) => [p.a.mul(p.b), p.b.sum()] as const
    const p = { a: tensor([1, 2]), b: tensor([3, 4]) }
    for (const mode of ['reverse', 'forward'] as const) {
      const [first, second] = jacobian(h, { mode })(p)
      await same([first.a, first.b, second.a, second.b],
        [tensor([[3, 0], [0, 4]]), tensor([[1, 0], [0, 2]]), tensor([0, 0]), tensor([1, 1])], mode) // biome-ignore format: matrices
    }
    const [ja, jb] = jacobian((a: Tensor, b: Tensor) => a.mul(b), { argnums: [0, 1] })(p.a, p.b)
    await same([ja, jb], [tensor([[3, 0], [0, 4]]), tensor([[1, 0], [0, 2]])], 'argnums') // biome-ignore format: matrices
  })
  onEachDevice('the Hessian is symmetric, and times a vector it is hvp', async () => {
    const [x, v] = [randn([4]).keep(), randn([4]).keep()]
    const h = hessian(f)(x)
    await same([h, h.matmul(v)], [h.transpose(0, 1), hvp(f, x, v)], 'Hessian')
    const quadratic = randn([4, 4]).keep()
    const q = (p: { x: Tensor }): Tensor => p.x.matmul(quadratic).matmul(p.x).mul(0.5)
    const both = quadratic.add(quadratic.transpose(0, 1)).mul(0.5)
    await same([hessian(q)({ x }).x.x, hvp(q, { x }, { x: v }).x], [both, both.matmul(v)], 'a quadratic form')
  })
})

describe('customGradient', () => {
  /** log(1 + exp(x)) with a derivative that does not overflow */
  const softplus = customGradient((x: Tensor) => [x.exp().add(1).log(), gy => [gy.mul(x.sigmoid())]])
  /** the same function of two arguments as x * y + x, with a pullback that refers to a value in between and to its result */
  const between = customGradient((x: Tensor, y: Tensor) => {
    const e = x.mul(y)
    return [e.add(x), (gy, out) => [gy.mul(out.sub(e).mul(0).add(y).add(1)), gy.mul(e.div(y))]]
  })
  /** the identity forward, minus one backward */
  const reversal = customGradient((x: Tensor) => [x.mul(1), gy => [gy.neg()]])

  onEachDevice('its rule counts, and not the derivative of its value', async () => {
    await same([grad((v: Tensor) => reversal(v).mul(v).sum())(tensor([2, 3]))], [tensor([0, 0])], 'reversal')
    const [value, slope] = valueAndGrad((v: Tensor) => softplus(v).sum())(tensor([200]))
    expect(await slope.numbers()).toEqual([1])
    expect(await value.item()).toBe(Infinity)
  })
  onEachDevice('in every transform, at second order too', async () => {
    const x = randn([4]).keep()
    const y = randn([4]).abs().add(0.5).keep()
    const plain = (v: Tensor): Tensor => v.exp().add(1).log()
    for (const [own, by] of [
      [(v: Tensor) => softplus(v).square().sum(), (v: Tensor) => plain(v).square().sum()],
      [(v: Tensor) => between(v, y).sin().sum(), (v: Tensor) => v.mul(y).add(v).sin().sum()],
      [(v: Tensor) => between(y, v).sin().sum(), (v: Tensor) => y.mul(v).add(y).sin().sum()],
    ]) {
      await same([grad(own)(x), hessian(own)(x)], [grad(by)(x), hessian(by)(x)], 'grad, hessian')
      await same(jvp(own, [x], [y]), jvp(by, [x], [y]), 'jvp')
      await same([hvp(own, x, y)], [hvp(by, x, y)], 'hvp')
    }
    const rows = randn([3, 4]).keep()
    const each = (h: (v: Tensor) => Tensor): Tensor[] => [
      vmap(h)(rows),
      vmap(grad((v: Tensor) => h(v).square().sum()))(rows),
      grad((r: Tensor) => vmap(h)(r).sin().sum())(rows),
      jvp(vmap(h), [rows], [rows])[1],
      vmap(hessian((v: Tensor) => h(v).square().sum()))(rows),
    ]
    await same(each(softplus), each(plain), 'under vmap')
    await same(
      each(v => between(v, y)),
      each(v => v.mul(y).add(v)),
      'with a shared argument',
    )
    // a shared argument collects the gradients of all examples
    await same(
      [
        grad((s: Tensor) =>
          vmap((v: Tensor) => between(v, s))(rows)
            .sin()
            .sum(),
        )(y),
      ],
      [
        grad((s: Tensor) =>
          vmap((v: Tensor) => v.mul(s).add(v))(rows)
            .sin()
            .sum(),
        )(y),
      ],
      'a shared argument',
    )
  })
  test('a pullback that does not fit', () => {
    const x = tensor([1, 2], { device: 'reference' })
    const run = (parts: (gy: Tensor) => Tensor[]) => () =>
      grad((v: Tensor) => customGradient((w: Tensor) => [w.mul(2), parts])(v).sum())(x)
    expect(run(() => [])).toThrow(/^customGradient: the pullback returned 0 gradients for 1 arguments/)
    expect(run(gy => [gy.sum()])).toThrow(/^customGradient: gradient 0 has another shape: \[\] for \[2\]/)
  })
})

describe('nested in any order', () => {
  const slow = (h: (x: Tensor) => Tensor) => (xs: Tensor) =>
    stack(Array.from({ length: xs.shape[0] }, (_, i) => h(xs.select(0, i))))
  onEachDevice(
    'vmap, grad, jvp, hessian and jacobian of one another are those of a loop',
    async device => {
      const rows = randn([device === 'webgpu' ? 2 : 3, 4]).keep()
      const t = randn([4]).keep()
      const ts = randn(rows.shape).keep()
      const pairs: [string, (over: typeof vmap) => Tensor][] = [
      ['vmap of grad', over => over(grad(f))(rows)],
      ['grad of vmap', over => grad((r: Tensor) => over(f)(r).square().sum())(rows)],
      ['grad of grad of vmap', over => grad((r: Tensor) => grad((q: Tensor) => over(f)(q).sum())(r).square().sum())(rows)],
      ['jvp of vmap of grad', over => jvp((r: Tensor) => over(grad(f))(r), [rows], [ts])[1]],
      ['vmap of jvp', over => over((r: Tensor) => jvp(f, [r], [t])[1])(rows)],
      ['vmap of jvp of grad', over => over((r: Tensor) => hvp(f, r, t))(rows)],
      ['vmap of hessian', over => over(hessian(f))(rows)],
      ['hessian of vmap', over => hessian((r: Tensor) => over(f)(r).sum())(rows)],
      ['vmap of jacobian', over => over(jacobian(g))(rows)],
      ['jacobian of vmap', over => jacobian((r: Tensor) => over(g)(r), { mode: 'reverse' })(rows)],
      ['vmap of grad of vmap', over => over((r: Tensor) => grad((q: Tensor) => over((s: Tensor) => s.mul(r).softmax(0).square().sum())(q).sum())(ts))(rows)],
      ['vmap of vjp', over => over((r: Tensor) => vjp(g, r)[1](t.slice([0, 3]))[0])(rows)],
      ['vmap of linearize', over => over((r: Tensor) => linearize(g, r)[1](t))(rows)],
    ] // biome-ignore format: one case a line
      for (const [name, run] of pairs.filter((_, i) => device !== 'webgpu' || i % 4 === 3)) {
        const loop = ((h: (x: Tensor) => Tensor) => slow(h)) as unknown as typeof vmap
        await same([run(vmap)], [run(loop)], name)
      }
    },
    { timeout: 60_000 },
  )

  onEachDevice('derivatives of inner functions are not confused with those of outer ones', async () => {
    // d/dx (x * d/dy (x + y)) = 1, the example of Siskind and Pearlmutter (2005)
    const inner = (x: Tensor): Tensor => x.mul(grad((y: Tensor) => x.add(y))(tensor(1)))
    expect(await grad(inner)(tensor(1)).item()).toBe(1)
    const forward = (x: Tensor): Tensor => x.mul(jvp((y: Tensor) => x.add(y), [tensor(1)], [tensor(1)])[1])
    expect(await jvp(forward, [tensor(1)], [tensor(1)])[1].item()).toBe(1)
    const mixed = (x: Tensor): Tensor => x.mul(vmap(grad((y: Tensor) => x.mul(y)))(tensor([1, 2])).sum())
    expect(await grad(mixed)(tensor(3)).item()).toBe(12)
  })
})
