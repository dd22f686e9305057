// Residuals over random, ill-conditioned, rank-deficient, empty and batched matrices; derivatives by finite differences; blocks past the size where they begin.

import { describe, expect, test } from 'vitest'
import { cat, type DeviceName, type DType, eye, setDefaultDevice, type Tensor, tensor } from '../index.ts'
import { checkOp, type OpTest } from '../testing/check-op.ts'
import { onEachDevice } from '../testing/devices.ts'
import { draw, testSeed } from '../testing/random.ts'
import * as linalg from './index.ts'
import {
  cholesky,
  cond,
  det,
  eigh,
  eigvalsh,
  inverse,
  logdet,
  lstsq,
  lu,
  matrixExp,
  matrixNorm,
  matrixPower,
  matrixRank,
  pinv,
  qr,
  slogdet,
  solve,
  svd,
  svdvals,
  triangularSolve,
  vectorNorm,
} from './index.ts'

const random = (shape: readonly number[], dtype: DType, label = ''): Tensor =>
  tensor(
    Float64Array.from(
      draw(`linalg ${label} ${shape.join()}`).many(
        shape.reduce((a, b) => a * b, 1),
        -1,
        1,
      ),
    ),
    shape,
    { dtype },
  )
const flat = (x: Tensor): Tensor => x.reshape([x.size])
const parts = (...all: Tensor[]): Tensor => cat(all.map(flat))
/** symmetric and positive definite */
const definite = (x: Tensor): Tensor =>
  x
    .matmul(x.mT())
    .add(tensor(0.5, { dtype: x.dtype }))
    .add(eye(x.shape[x.ndim - 1], undefined, { dtype: x.dtype }))
const worst = async (x: Tensor): Promise<number> => (x.size ? x.abs().amax().item() : 0)

const dtypesOf = (device: DeviceName): DType[] => (device === 'webgpu' ? ['f32'] : ['f32', 'f64'])
const near = (dtype: DType, scale = 1): number => (dtype === 'f64' ? 1e-12 : 2e-5) * scale
/** the software GPU runs small ones */
const sizesOf = (device: DeviceName): number[][] =>
  device === 'webgpu'
    ? [[3, 3], [2, 5, 5]]
    : device === 'reference'
      ? [[0, 0], [1, 1], [2, 4, 4], [7, 7], [33, 33]]
      : [[0, 0], [1, 1], [2, 4, 4], [7, 7], [33, 33], [130, 130]] // biome-ignore format: rows

async function each(
  device: DeviceName,
  shapes: readonly (readonly number[])[],
  check: (shape: readonly number[], dtype: DType) => Promise<void>,
) {
  for (const dtype of dtypesOf(device)) for (const shape of shapes) await check(shape, dtype)
}
const expectSmall = async (x: Tensor, limit: number, what: string): Promise<void> =>
  expect(await worst(x), `${what}, seed ${testSeed}`).toBeLessThan(limit)
const unit = (x: Tensor): Tensor => eye(x.shape[x.ndim - 1], undefined, { dtype: x.dtype })

describe('residuals', () => {
  onEachDevice('cholesky', device =>
    each(device, sizesOf(device), async (shape, dtype) => {
      const a = definite(random(shape, dtype))
      const l = cholesky(a)
      await expectSmall(l.matmul(l.mT()).sub(a), near(dtype, 5 * (shape.at(-1)! + 1)), `cholesky ${shape} ${dtype}`)
      await expectSmall(l.triu(1), 1e-30, 'the upper triangle')
      const b = random([...shape.slice(0, -1), 2], dtype, 'b')
      if (shape.at(-1))
        await expectSmall(a.matmul(linalg.choleskySolve(b, l)).sub(b), near(dtype, 100), 'choleskySolve')
    }),
  )
  onEachDevice('lu, solve, inverse, det', device =>
    each(device, sizesOf(device), async (shape, dtype) => {
      const n = shape.at(-1)!
      const a = random(shape, dtype)
      const [p, l, u] = lu(a)
      await expectSmall(p.matmul(l).matmul(u).sub(a), near(dtype, n + 1), `lu ${shape} ${dtype}`)
      expect(await worst(l)).toBeLessThanOrEqual(1)
      const good = a.add(unit(a).mul(2))
      const b = random([...shape.slice(0, -1), 3], dtype, 'b')
      await expectSmall(good.matmul(solve(good, b)).sub(b), near(dtype, 200), `solve ${shape} ${dtype}`)
      await expectSmall(good.matmul(inverse(good)).sub(unit(a)), near(dtype, 200), `inverse ${shape} ${dtype}`)
      const [sign, size] = slogdet(good.div(2 + Math.sqrt(n)))
      await expectSmall(
        sign.mul(size.exp()).sub(det(good.div(2 + Math.sqrt(n)))),
        near(dtype, 10),
        `det ${shape} ${dtype}`,
      )
    }),
  )
  onEachDevice('rectangular lu', device =>
    each(
      device,
      [
        [5, 3],
        [3, 5],
        [2, 70, 40],
        [40, 70],
      ].slice(0, device === 'wasm' ? 4 : 2),
      async (shape, dtype) => {
        // biome-ignore format: rows
        const a = random(shape, dtype)
        const [p, l, u] = lu(a)
        await expectSmall(p.matmul(l).matmul(u).sub(a), near(dtype, 10), `lu ${shape} ${dtype}`)
      },
    ),
  )
  onEachDevice('qr', device =>
    each(
      device,
      [
        ...sizesOf(device),
        [5, 3],
        [3, 5],
        ...(device === 'wasm'
          ? [
              [2, 90, 70],
              [40, 80],
            ]
          : []),
      ],
      async (shape, dtype) => {
        // biome-ignore format: rows
        const a = random(shape, dtype)
        for (const mode of ['reduced', 'complete'] as const) {
          const [q, r] = qr(a, { mode })
          await expectSmall(q.matmul(r).sub(a), near(dtype, 10), `qr ${shape} ${dtype} ${mode}`)
          if (q.size)
            await expectSmall(q.mT().matmul(q).sub(unit(q)), near(dtype, 10), `Q of ${shape} ${dtype} ${mode}`)
          await expectSmall(r.tril(-1), 1e-30, 'R below its diagonal')
        }
      },
    ),
  )
  onEachDevice('triangularSolve', device =>
    each(device, sizesOf(device), async (shape, dtype) => {
      const n = shape.at(-1)!
      const t = random(shape, dtype)
        .div(Math.max(1, n))
        .add(unit(random(shape, dtype)).mul(2))
      const b = random([...shape.slice(0, -1), 5], dtype, 'b')
      for (const upper of [true, false])
        for (const unitriangular of [true, false]) {
          const triangle = upper ? t.triu(unitriangular ? 1 : 0) : t.tril(unitriangular ? -1 : 0)
          const whole = unitriangular ? triangle.add(unit(t)) : triangle
          const x = triangularSolve(t, b, { upper, unitriangular })
          await expectSmall(whole.matmul(x).sub(b), near(dtype, 20), `${shape} ${dtype} ${upper} ${unitriangular}`)
          const left = triangularSolve(t, b.mT(), { upper, unitriangular, left: false })
          await expectSmall(left.matmul(whole).sub(b.mT()), near(dtype, 20), `${shape} ${dtype} ${upper} right`)
        }
    }),
  )
  onEachDevice('eigh', device =>
    each(
      device,
      sizesOf(device).filter(s => s[0] < 100),
      async (shape, dtype) => {
        const x = random(shape, dtype)
        for (const a of [x.add(x.mT()), x.mul(0).add(unit(x)), definite(x).mul(1e-8)]) {
          const [w, v] = eigh(a)
          const scale = Math.max(await worst(a), 1e-300)
          await expectSmall(
            v.mul(w.unsqueeze(-2)).matmul(v.mT()).sub(a).div(scale),
            near(dtype, 30),
            `eigh ${shape} ${dtype}`,
          )
          if (v.size) await expectSmall(v.mT().matmul(v).sub(unit(v)), near(dtype, 30), `vectors of ${shape} ${dtype}`)
          if (shape.at(-1)! > 1)
            expect(await w.diff().amin().item(), `order, seed ${testSeed}`).toBeGreaterThanOrEqual(
              -near(dtype, 10) * scale,
            )
          await expectSmall(eigvalsh(a).sub(w), 1e-30, 'eigvalsh')
        }
      },
    ),
  )
  onEachDevice('svd', device =>
    each(
      device,
      [...sizesOf(device).filter(s => s[0] < 100), [6, 3], [2, 3, 6], [0, 3], [3, 0]],
      async (shape, dtype) => {
        const x = random(shape, dtype)
        const [m, n] = shape.slice(-2)
        const thin = random([...shape.slice(0, -2), m, 1], dtype, 'u').matmul(
          random([...shape.slice(0, -2), 1, n], dtype, 'v'),
        )
        for (const [kind, a] of Object.entries({ random: x, 'rank 1': thin, zero: x.mul(0), small: x.mul(1e-15) }))
          for (const fullMatrices of [true, false]) {
            const what = `svd ${kind} ${shape} ${dtype} ${fullMatrices}, seed ${testSeed}`
            const [u, s, vh] = svd(a, { fullMatrices })
            const size = Math.min(m, n)
            expect(u.shape.slice(-2), what).toEqual([m, fullMatrices ? m : size])
            expect(vh.shape.slice(-2), what).toEqual([fullMatrices ? n : size, n])
            if (u.size) await expectSmall(u.mT().matmul(u).sub(unit(u)), near(dtype, 30), `U of ${what}`)
            if (vh.size) await expectSmall(vh.matmul(vh.mT()).sub(unit(vh.mT())), near(dtype, 30), `V of ${what}`)
            if (!size) continue
            const back = u
              .narrow(-1, 0, size)
              .mul(s.unsqueeze(-2))
              .matmul(vh.narrow(-2, 0, size))
            const scale = Math.max(await worst(a), 1e-30)
            await expectSmall(back.sub(a).div(scale), near(dtype, 30), what)
            if (size > 1) expect(await s.diff().amax().item(), what).toBeLessThanOrEqual(0)
          }
      },
    ),
  )
  onEachDevice('pinv, lstsq, rank', device =>
    each(
      device,
      [
        [5, 3],
        [3, 5],
        [4, 4],
      ],
      async (shape, dtype) => {
        // biome-ignore format: rows
        const [m, n] = shape
        const thin = random([m, 2], dtype, 'u').matmul(random([2, n], dtype, 'v'))
        for (const a of [random(shape, dtype), thin]) {
          const p = pinv(a)
          await expectSmall(a.matmul(p).matmul(a).sub(a), near(dtype, 100), `A P A of ${shape} ${dtype}`)
          await expectSmall(
            p
              .matmul(a)
              .matmul(p)
              .sub(p)
              .div(await worst(p)),
            near(dtype, 300),
            `P A P of ${shape} ${dtype}`,
          )
          const b = random([m, 2], dtype, 'b')
          const { solution, residuals, rank } = lstsq(a, b)
          await expectSmall(a.mT().matmul(a.matmul(solution).sub(b)), near(dtype, 300), `normal equations of ${shape}`)
          expect(residuals.shape).toEqual([2])
          expect(await rank.item()).toBe(a === thin ? 2 : Math.min(m, n))
        }
        expect(await matrixRank(thin).item()).toBe(2)
      },
    ),
  )
  onEachDevice('ill-conditioned: the Hilbert matrix keeps its residuals', device =>
    each(device, [[8, 8]], async ([n], dtype) => {
      const h = tensor(
        Float64Array.from({ length: n * n }, (_, i) => 1 / (1 + Math.floor(i / n) + (i % n))),
        [n, n],
        { dtype },
      )
      const b = random([n, 1], dtype, 'b')
      const x = solve(h, b)
      await expectSmall(
        h
          .matmul(x)
          .sub(b)
          .div(await worst(x)),
        near(dtype),
        `hilbert ${dtype}`,
      )
      const s = await svdvals(h).numbers()
      // the reference value of numpy in double precision
      if (dtype === 'f64') expect(s[n - 1] / 1.1115389716e-10).toBeCloseTo(1, 4)
      expect(s[0]).toBeCloseTo(1.695938997, 5)
    }),
  )
})

describe('values', () => {
  const a = () => tensor([[2, 1], [1, 3]]) // biome-ignore format: rows
  onEachDevice('small matrices by hand', async () => {
    expect(await det(a()).item()).toBeCloseTo(5, 5)
    expect(await det(tensor([[0, 1], [1, 0]])).item()).toBeCloseTo(-1, 6) // biome-ignore format: rows
    expect(await logdet(a()).item()).toBeCloseTo(Math.log(5), 5)
    expect(await logdet(tensor([[0, 1], [1, 0]])).item()).toBeNaN() // biome-ignore format: rows
    const [sign, size] = slogdet(tensor([[1, 2], [2, 4]])) // biome-ignore format: rows
    expect([(await sign.item()) + 0, await size.item()]).toEqual([0, -Infinity])
    expect(await matrixPower(a(), 3).toArray()).toEqual([[15, 20], [20, 35]]) // biome-ignore format: rows
    expect(await matrixPower(a(), 0).toArray()).toEqual([[1, 0], [0, 1]]) // biome-ignore format: rows
    expect(await matrixPower(a(), -1).select(0, 0).toArray()).toEqual([expect.closeTo(0.6), expect.closeTo(-0.2)])
    expect(await cholesky(tensor([[1, 2], [2, 1]])).select(0, 1).select(0, 1).item()).toBeNaN() // biome-ignore format: rows
    expect(await matrixNorm(a()).item()).toBeCloseTo(Math.sqrt(15), 5)
    expect(await matrixNorm(a(), 1).item()).toBe(4)
    expect(await matrixNorm(a(), -Infinity).item()).toBe(3)
    expect(await matrixNorm(a(), 'nuc').item()).toBeCloseTo(5, 5)
    expect(await cond(a()).item()).toBeCloseTo((5 + Math.sqrt(5)) / (5 - Math.sqrt(5)), 5)
    expect(await cond(a(), 1).item()).toBeCloseTo((4 * 4) / 5, 5)
    expect(await vectorNorm(tensor([3, -4]), Infinity).item()).toBe(4)
    expect(await vectorNorm(tensor([3, 0, -4]), 0).item()).toBe(2)
    expect(await vectorNorm(tensor([1, 2]), 3).item()).toBeCloseTo(9 ** (1 / 3), 5)
  })
  onEachDevice('matrixExp: rotation, large and small norms', async () => {
    for (const angle of [1e-6, 0.3, 3, 40]) {
      const e = (await matrixExp(tensor([[0, -angle], [angle, 0]])).toArray()) as number[][] // biome-ignore format: rows
      expect(e[0][0]).toBeCloseTo(Math.cos(angle), 4)
      expect(e[1][0]).toBeCloseTo(Math.sin(angle), 4)
    }
    expect(await matrixExp(tensor([[[-50]], [[2]]])).toArray()).toEqual([
      [[expect.closeTo(Math.exp(-50))]],
      [[expect.closeTo(Math.exp(2), 4)]],
    ])
  })
  test('what does not fit is named', async () => {
    await setDefaultDevice('reference')
    expect(() => cholesky(tensor([[1, 2]]))).toThrow('cholesky: needs square matrices, not [1, 2]')
    expect(() => solve(tensor([[1]]), tensor([[1], [2]]))).toThrow('solve: sizes differ')
    expect(() => qr(tensor([[1]], { dtype: 'f16' }))).toThrow(".to('f32')")
    expect(() => svd(tensor([1]))).toThrow('needs a matrix')
    expect(() => matrixNorm(tensor([[1]]), 3)).toThrow('there is no order 3')
  })
})

describe('derivatives', () => {
  const square: OpTest = {
    shapes: [
      [3, 3],
      [2, 2, 2],
    ],
    range: [0.2, 1.2],
    tolerance: { absolute: 2e-4, relative: 2e-3 },
  }
  const one: OpTest = { ...square, shapes: [[3, 3]] }
  const plusUnit = (x: Tensor): Tensor => x.add(unit(x).mul(2))
  checkOp('cholesky', x => cholesky(definite(x)), square)
  checkOp('lu', x => parts(...lu(plusUnit(x)).slice(1)), { ...square, webgpu: 'none', vmap: false })
  checkOp('lu of tall and wide', (x, y) => parts(...lu(x).slice(1), ...lu(y).slice(1)), {
    shapes: [
      [
        [3, 2],
        [2, 3],
      ],
    ],
    range: [0.2, 1.2],
    tolerance: square.tolerance,
    second: false,
    vmap: false,
    webgpu: 'none', // biome-ignore format: one line
  })
  checkOp('qr', x => parts(...qr(plusUnit(x))), { ...square, webgpu: 'none', vmap: false })
  checkOp('qr of tall and wide', (x, y) => parts(...qr(x), ...qr(y)), { ...square, webgpu: 'none', shapes: [[[4, 2], [2, 3]]] }) // biome-ignore format: one line
  checkOp('solve', (a, b) => solve(plusUnit(a), b), { ...square, shapes: [[[3, 3], [3, 2]], [[2, 2], [3, 2, 1]], [[3, 3], [3]]] }) // biome-ignore format: one line
  checkOp('triangularSolve', (a, b) => triangularSolve(plusUnit(a), b, { upper: true }), { ...square, shapes: [[[3, 3], [3, 2]]] }) // biome-ignore format: one line
  checkOp('triangularSolve unit lower right', (a, b) => triangularSolve(a, b, { upper: false, unitriangular: true, left: false }), { ...square, webgpu: 'none', shapes: [[[3, 3], [2, 3]]] }) // biome-ignore format: one line
  checkOp('inverse', x => inverse(plusUnit(x)), square)
  checkOp('det', x => det(plusUnit(x)), square)
  checkOp('slogdet', x => slogdet(plusUnit(x))[1], { ...square, webgpu: 'none' })
  checkOp('eigvalsh', x => eigvalsh(x.add(x.mT())), { ...one, webgpu: 'none' })
  checkOp('eigh', x => { const [w, v] = eigh(x.add(x.mT())); return parts(w, v.square()) }, { ...one, webgpu: 'none', vmap: false }) // biome-ignore format: one line
  checkOp('svdvals', x => svdvals(x), {
    ...one,
    webgpu: 'none',
    shapes: [
      [3, 3],
      [2, 4],
    ],
  })
  checkOp('svd', x => { const [u, s, vh] = svd(x, { fullMatrices: false }); return parts(u.square(), s, vh.square(), u.matmul(vh)) }, { ...one, webgpu: 'none', shapes: [[3, 2], [2, 3]], vmap: false }) // biome-ignore format: one line
  checkOp('pinv', x => pinv(x), {
    ...one,
    shapes: [
      [3, 2],
      [2, 3],
    ],
  })
  checkOp('pinv of rank 1', (u, v) => pinv(u.matmul(v), { rtol: 1e-3 }), { ...one, webgpu: 'none', shapes: [[[3, 1], [1, 2]]] }) // biome-ignore format: one line
  checkOp('lstsq', (a, b) => lstsq(a, b).solution, { ...one, webgpu: 'none', shapes: [[[4, 2], [4, 1]]] }) // biome-ignore format: one line
  checkOp('matrixExp', x => matrixExp(x), { ...one, webgpu: 'none' })
  checkOp('matrixPower', x => matrixPower(plusUnit(x), -2), { ...one, webgpu: 'none' })
  checkOp('norms', x => parts(vectorNorm(x, 3), matrixNorm(x), matrixNorm(x, 'nuc'), matrixNorm(x, 1), cond(x)), {
    ...one,
    webgpu: 'none',
    vmap: false,
  })
})
