// The sequential hearts of linear algebra, for blocks and for what cannot be cut into blocks: each in the kernel language, which every device prints, and in
// ordinary loops, which it is tested against. G. Golub and C. Van Loan, "Matrix Computations" (4th ed.): Cholesky 4.2, LU with partial
// pivoting 3.4, Householder 5.1, one-sided Jacobi 8.6.3.

import type { Algorithm } from '../graph/node.ts'
import { dim } from '../kernel/dim.ts'
import { axisIndex } from '../kernel/index-expr.ts'
import {
  abs,
  add,
  asInteger,
  cast,
  constant,
  dimIndex,
  div,
  equal,
  less,
  minus,
  mul,
  plus,
  sqrt,
  sub,
  valueIndex,
  type WriteProgram,
  Writing,
  where,
} from '../kernel/program.ts'
import type { Typed, Value } from '../primitives/types.ts'
import { apply, type Tensor } from '../tensor.ts'

const written =
  (write: (w: Writing) => ReturnType<Writing['finish']>): WriteProgram =>
  (sources, out, dtype, newAxis) =>
    write(new Writing(sources, out, dtype, newAxis))

/** A matrix of the plain evaluator. */
const matrix = ({ data, shape: [, columns] }: Value) => ({
  at: (i: number, j: number): number => data[i * columns + j],
  put: (i: number, j: number, value: number): void => {
    data[i * columns + j] = value
  },
})

const sized = (x: Typed, rows: number, columns: number): Typed => ({
  shape: [...x.shape.slice(0, -2), rows, columns],
  dtype: x.dtype,
})
const rowsOf = (x: Typed): number => x.shape[x.shape.length - 2]
const columnsOf = (x: Typed): number => x.shape[x.shape.length - 1]

/** [n, n] to its lower factor; only the lower triangle is read. A matrix that is not positive definite gives NaN. */
const cholesky: Algorithm = {
  name: 'cholesky',
  infer: x => x,
  write: written(w => {
    const [x] = w.sources
    const n = x.rows
    w.each(n, null, i =>
      w.each(n, null, j => w.put(i, j, where(less(asInteger(i), asInteger(j)), w.number(0), x.at(i, j)))),
    )
    w.steps(n, null, j => {
      const squares = w.sum(n, j, k => mul(w.out.at(j, k), w.out.at(j, k)))
      const rest = w.let(sub(w.out.at(j, j), squares()))
      const pivot = w.let(where(less(rest(), w.number(0)), w.number(NaN), sqrt(rest())))
      w.put(j, j, pivot())
      const below = plus(j, 1)
      w.each(n, minus(dimIndex(n), below), more => {
        const i = plus(below, more)
        const dot = w.sum(n, j, k => mul(w.out.at(i, k), w.out.at(j, k)))
        w.put(i, j, div(sub(w.out.at(i, j), dot()), pivot()))
      })
    })
    return w.finish()
  }),
  evaluate([x], out) {
    const [a, l] = [matrix(x), matrix(out)]
    const n = x.shape[0]
    for (let j = 0; j < n; j++)
      for (let i = j; i < n; i++) {
        let s = a.at(i, j)
        for (let k = 0; k < j; k++) s -= l.at(i, k) * l.at(j, k)
        l.put(i, j, i === j ? Math.sqrt(s) : s / l.at(j, j))
      }
  },
}

/** [m, n] with m >= n to [m, n + 1]: L below the diagonal and U above, then for each row which row of the matrix it was. */
const lu: Algorithm = {
  name: 'lu',
  infer: x => sized(x, rowsOf(x), columnsOf(x) + 1),
  write: written(w => {
    const [x] = w.sources
    const [m, n] = [x.rows, x.columns]
    const { out } = w
    const last = dimIndex(n)
    w.each(m, null, i => {
      w.each(n, null, j => w.put(i, j, x.at(i, j)))
      w.put(i, last, cast(w.dtype, asInteger(i)))
    })
    const never = 2 ** 30
    w.steps(n, null, j => {
      const rest = minus(dimIndex(m), j)
      const [largest] = w.reduce(m, rest, [{ op: 'max', init: 0, value: i => abs(out.at(plus(j, i), j)) }])
      const [first] = w.reduce(m, rest, [
        {
          op: 'min',
          init: never,
          dtype: 'i32',
          value: i => {
            const row = plus(j, i)
            return where(equal(abs(out.at(row, j)), largest()), asInteger(row), constant('i32', never))
          },
        },
      ])
      // where NaN hides the largest, the row stays
      const chosen = w.let(where(equal(first(), constant('i32', never)), asInteger(j), first()))
      const p = valueIndex(chosen())
      w.each(out.columns, null, c => {
        const [a, b] = [w.let(out.at(j, c)), w.let(out.at(p, c))]
        w.put(j, c, b())
        w.put(p, c, a())
      })
      const pivot = w.let(out.at(j, j))
      const below = plus(j, 1)
      w.each(m, minus(dimIndex(m), below), i => {
        const row = plus(below, i)
        const factor = w.let(where(equal(pivot(), w.number(0)), w.number(0), div(out.at(row, j), pivot())))
        w.put(row, j, factor())
        w.each(n, minus(dimIndex(n), below), c => {
          const column = plus(below, c)
          w.put(row, column, sub(out.at(row, column), mul(factor(), out.at(j, column))))
        })
      })
    })
    return w.finish()
  }),
  evaluate([x], out) {
    const [a, b] = [matrix(x), matrix(out)]
    const [m, n] = x.shape
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) b.put(i, j, a.at(i, j))
      b.put(i, n, i)
    }
    for (let j = 0; j < n; j++) {
      let p = j
      for (let i = j + 1; i < m; i++) if (Math.abs(b.at(i, j)) > Math.abs(b.at(p, j))) p = i
      for (let c = 0; c <= n; c++) {
        const held = b.at(j, c)
        b.put(j, c, b.at(p, c))
        b.put(p, c, held)
      }
      const pivot = b.at(j, j)
      for (let i = j + 1; i < m; i++) {
        const factor = pivot === 0 ? 0 : b.at(i, j) / pivot
        b.put(i, j, factor)
        for (let c = j + 1; c < n; c++) b.put(i, c, b.at(i, c) - factor * b.at(j, c))
      }
    }
  },
}

/**
 * The transpose [n, m] of a matrix with m >= n to [n, m + 1]: row j holds column j of R before the diagonal, from there on the vector v of its
 * reflection 1 - v v' (of length sqrt(2), or 0), and in the last place the diagonal of R. As in LAPACK, a column that is done keeps its sign.
 */
const householder: Algorithm = {
  name: 'qr',
  infer: x => sized(x, rowsOf(x), columnsOf(x) + 1),
  write: written(w => {
    const [x] = w.sources
    const [n, m] = [x.rows, x.columns]
    const { out } = w
    const last = dimIndex(m)
    w.each(n, null, i => w.each(m, null, j => w.put(i, j, x.at(i, j))))
    w.steps(n, null, j => {
      const below = plus(j, 1)
      const rest = minus(dimIndex(m), below)
      const [largest] = w.reduce(m, rest, [{ op: 'max', init: 0, value: i => abs(out.at(j, plus(below, i))) }])
      const alpha = w.let(out.at(j, j))
      const done = w.let(equal(largest(), w.number(0)))
      const scale = w.let(where(less(largest(), abs(alpha())), abs(alpha()), largest()))
      const safe = w.let(where(equal(scale(), w.number(0)), w.number(1), scale()))
      const squares = w.sum(m, minus(dimIndex(m), j), i => {
        const part = div(out.at(j, plus(j, i)), safe())
        return mul(part, part)
      })
      const norm = w.let(mul(safe(), sqrt(squares())))
      const beta = w.let(where(less(alpha(), w.number(0)), norm(), sub(w.number(0), norm())))
      const factor = w.let(
        where(done(), w.number(0), div(w.number(1), mul(norm(), sqrt(add(w.number(1), div(abs(alpha()), norm())))))),
      )
      w.put(j, last, where(done(), alpha(), beta()))
      w.put(j, j, where(done(), w.number(0), mul(sub(alpha(), beta()), factor())))
      w.each(m, rest, i => {
        const at = plus(below, i)
        w.put(j, at, mul(out.at(j, at), factor()))
      })
      w.each(n, minus(dimIndex(n), below), more => {
        const c = plus(below, more)
        const tail = minus(dimIndex(m), j)
        const dot = w.sum(m, tail, i => mul(out.at(j, plus(j, i)), out.at(c, plus(j, i))))
        w.each(m, tail, i => {
          const at = plus(j, i)
          w.put(c, at, sub(out.at(c, at), mul(dot(), out.at(j, at))))
        })
      })
    })
    return w.finish()
  }),
  evaluate([x], out) {
    const [a, b] = [matrix(x), matrix(out)]
    const [n, m] = x.shape
    for (let i = 0; i < n; i++) for (let j = 0; j < m; j++) b.put(i, j, a.at(i, j))
    for (let j = 0; j < n; j++) {
      const column = Array.from({ length: m - j }, (_, i) => b.at(j, j + i))
      const alpha = column[0]
      const norm = Math.hypot(...column)
      const done = column.every((v, i) => i === 0 || v === 0)
      const beta = alpha < 0 ? norm : -norm
      const factor = done ? 0 : 1 / (norm * Math.sqrt(1 + Math.abs(alpha) / norm))
      b.put(j, m, done ? alpha : beta)
      column.forEach((v, i) => {
        b.put(j, j + i, (i === 0 ? v - beta : v) * factor)
      })
      for (let c = j + 1; c < n; c++) {
        let dot = 0
        for (let i = j; i < m; i++) dot += b.at(j, i) * b.at(c, i)
        for (let i = j; i < m; i++) b.put(c, i, b.at(c, i) - dot * b.at(j, i))
      }
    }
  },
}

/** Sweeps over all pairs of rows; convergence is quadratic, and a sweep without a rotation is the last. */
const sweeps = 24

/** [r, c] to [r, c + r]: rows turned until they are orthogonal to each other, beside the rotation that did it. */
const jacobi: Algorithm = {
  name: 'jacobi',
  infer: x => sized(x, rowsOf(x), columnsOf(x) + rowsOf(x)),
  write: written(w => {
    const [x] = w.sources
    const [r, c] = [x.rows, x.columns]
    const { out } = w
    w.each(r, null, i => {
      w.each(c, null, j => w.put(i, j, x.at(i, j)))
      w.each(r, null, j =>
        w.put(i, plus(dimIndex(c), j), where(equal(asInteger(i), asInteger(j)), w.number(1), w.number(0))),
      )
    })
    const active = w.variable(1, 'i32')
    const tolerance = w.number(w.dtype === 'f64' ? 2 ** -52 : 2 ** -23)
    const [zero, one] = [w.number(0), w.number(1)]
    const none = constant('i32', 0)
    w.steps(dim(sweeps), null, () => {
      const rotations = w.variable(0, 'i32')
      const some = where(equal(active.get(), none), none, asInteger(dimIndex(r)))
      w.steps(r, valueIndex(some), p =>
        w.steps(r, minus(dimIndex(r), plus(p, 1)), more => {
          const q = plus(plus(p, 1), more)
          const [alpha, beta, gamma] = w.reduce(c, null, [
            { op: 'add', init: 0, value: i => mul(out.at(p, i), out.at(p, i)) },
            { op: 'add', init: 0, value: i => mul(out.at(q, i), out.at(q, i)) },
            { op: 'add', init: 0, value: i => mul(out.at(p, i), out.at(q, i)) },
          ])
          const limit = mul(tolerance, mul(sqrt(alpha()), sqrt(beta())))
          const turn = w.let(cast('i32', less(limit, abs(gamma()))))
          const turns = () => equal(turn(), constant('i32', 1))
          const zeta = w.let(div(sub(beta(), alpha()), mul(w.number(2), where(turns(), gamma(), one))))
          const t = w.let(
            div(where(less(zeta(), zero), w.number(-1), one), add(abs(zeta()), sqrt(add(one, mul(zeta(), zeta()))))),
          )
          const cosine = w.let(div(one, sqrt(add(one, mul(t(), t())))))
          const sine = w.let(mul(cosine(), t()))
          const all = where(turns(), asInteger(dimIndex(out.columns)), none)
          w.each(out.columns, valueIndex(all), i => {
            const [a, b] = [w.let(out.at(p, i)), w.let(out.at(q, i))]
            w.put(p, i, sub(mul(cosine(), a()), mul(sine(), b())))
            w.put(q, i, add(mul(sine(), a()), mul(cosine(), b())))
          })
          rotations.update('max', turn())
        }),
      )
      active.update('min', rotations.get())
    })
    return w.finish()
  }),
  evaluate([x], out) {
    const [a, b] = [matrix(x), matrix(out)]
    const [r, c] = x.shape
    for (let i = 0; i < r; i++) {
      for (let j = 0; j < c; j++) b.put(i, j, a.at(i, j))
      b.put(i, c + i, 1)
    }
    const dot = (p: number, q: number): number => {
      let sum = 0
      for (let i = 0; i < c; i++) sum += b.at(p, i) * b.at(q, i)
      return sum
    }
    for (let sweep = 0, turned = true; turned && sweep < sweeps; sweep++) {
      turned = false
      for (let p = 0; p < r; p++)
        for (let q = p + 1; q < r; q++) {
          const [alpha, beta, gamma] = [dot(p, p), dot(q, q), dot(p, q)]
          if (!(Math.abs(gamma) > 2 ** -52 * Math.sqrt(alpha) * Math.sqrt(beta))) continue
          turned = true
          const zeta = (beta - alpha) / (2 * gamma)
          const t = (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.hypot(1, zeta))
          const cosine = 1 / Math.hypot(1, t)
          for (let i = 0; i < c + r; i++) {
            const [u, v] = [b.at(p, i), b.at(q, i)]
            b.put(p, i, cosine * u - cosine * t * v)
            b.put(q, i, cosine * t * u + cosine * v)
          }
        }
    }
  },
}

/** Substitution: a triangle [n, n] and right-hand sides [n, k] to the solutions. Only the triangle is read, and of it not the diagonal when it is `unit`. */
const substitution = (upper: boolean, unit: boolean): Algorithm => ({
  name: 'triangularSolve',
  infer: (_, b) => b,
  write: written(w => {
    const [t, b] = w.sources
    const n = t.rows
    const column = w.axis(b.columns)
    const c = axisIndex(column)
    w.steps(n, null, step => {
      const row = upper ? minus(dimIndex(n), plus(step, 1)) : step
      const before = (k: typeof step) => (upper ? plus(plus(row, 1), k) : k)
      const known = w.sum(n, step, k => mul(t.at(row, before(k)), w.out.at(before(k), c)))
      const rest = sub(b.at(row, c), known())
      w.put(row, c, unit ? rest : div(rest, t.at(row, row)))
    })
    return w.finish([column], true)
  }),
  evaluate([t, b], out) {
    const [a, y, x] = [matrix(t), matrix(b), matrix(out)]
    const [n, columns] = b.shape
    for (let c = 0; c < columns; c++)
      for (let step = 0; step < n; step++) {
        const row = upper ? n - 1 - step : step
        let s = y.at(row, c)
        for (let k = upper ? row + 1 : 0; k < (upper ? n : row); k++) s -= a.at(row, k) * x.at(k, c)
        x.put(row, c, unit ? s : s / a.at(row, row))
      }
  },
})

const algorithms = {
  cholesky,
  lu,
  householder,
  jacobi,
  lower: substitution(false, false),
  'unit lower': substitution(false, true),
  upper: substitution(true, false),
  'unit upper': substitution(true, true),
}

/** Applies an algorithm; it has no derivative of its own. */
export const run = (name: keyof typeof algorithms, ...sources: Tensor[]): Tensor =>
  apply(
    'program',
    sources.map(s => s.detach()),
    { mode: name, program: algorithms[name] },
  )
