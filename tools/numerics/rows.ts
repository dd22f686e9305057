// What docs/numerics.md measures: each transcendental op over a range, with its value in double precision.
import type { Tensor } from '../../packages/tensor/src/index.ts'
import * as special from '../../packages/tensor/src/special/index.ts'
import * as f from './functions.ts'

export interface Row {
  readonly op: string
  /** of each operand; what lies between is swept */
  readonly ranges: readonly (readonly [low: number, high: number])[]
  readonly run: (x: Tensor, y: Tensor) => Tensor
  readonly exact: (x: number, y: number) => number
  /** places whose neighbourhood is swept without gaps */
  readonly near?: readonly number[]
  /** where the value is smaller, errors are in units of this */
  readonly scale?: number
}
type Range = Row['ranges'][number]
const max = 3.4028234663852886e38
const tiny = 2 ** -149

/** An op whose method has its own name, and Math's function of that name. */
const math = (op: UnaryName & keyof Math, ranges: readonly Range[], near?: readonly number[]): Row[] =>
  own(op, Math[op] as (x: number) => number, ranges, near)

type UnaryName = { [K in keyof Tensor]: Tensor[K] extends (...none: []) => Tensor ? K : never }[keyof Tensor]
const own = (
  op: UnaryName & string,
  exact: (x: number) => number,
  ranges: readonly Range[],
  near?: readonly number[],
): Row[] => of(op, x => (x[op] as () => Tensor)(), exact, ranges, near)
const of = (
  op: string,
  run: (x: Tensor) => Tensor,
  exact: (x: number) => number,
  ranges: readonly Range[],
  near?: readonly number[],
): Row[] => ranges.map(range => ({ op, ranges: [range], run, exact, ...(near && { near }) }))

/** Rows whose values pass through 0 between numbers of f32, where only absolute errors mean something. */
const absolute = (list: readonly Row[]): Row[] => list.map(row => ({ ...row, scale: 1 }))

const quarterTurns = Array.from({ length: 41 }, (_, i) => ((i - 20) * Math.PI) / 2)
const angles: readonly Range[] = [
  [-2 * Math.PI, 2 * Math.PI],
  [-1e5, 1e5],
  [-max, max],
]

export const rows: readonly Row[] = [
  ...math('exp', [[-104, 89]], [0, 1, -87.33]),
  ...math('expm1', [[-20, 89]], [0]),
  ...own('exp2', x => 2 ** x, [[-150, 128]], [0, 1, -126]),
  ...math('log', [[tiny, max]], [1, 2 ** -126]),
  ...math('log1p', [[-1, max]], [0]),
  ...math('log2', [[tiny, max]], [1, 2, 8]),
  ...math('log10', [[tiny, max]], [1, 10, 1000]),
  ...math('sin', angles, quarterTurns),
  ...math('cos', angles, quarterTurns),
  ...math('tan', angles, quarterTurns),
  ...math('asin', [[-1, 1]], [0, 0.5, -0.5]),
  ...math('acos', [[-1, 1]], [0, 0.5, -0.5]),
  ...math('atan', [[-max, max]], [0, 1, -1]),
  ...math('sinh', [[-90, 90]], [0]),
  ...math('cosh', [[-90, 90]], [0]),
  ...math('tanh', [[-20, 20]], [0, 0.6]),
  ...math('asinh', [[-max, max]], [0, 1]),
  ...math('acosh', [[1, max]], [1]),
  ...math('atanh', [[-1, 1]], [0, 0.5]),
  ...own('sigmoid', f.sigmoid, [[-87, 104]], [0]),
  ...own('logSigmoid', x => -f.softplus(-x), [[-100, 100]], [0, 20, -20]),
  ...own('softplus', f.softplus, [[-100, 100]], [0, 20]),
  ...own('silu', x => x * f.sigmoid(x), [[-80, 100]], [0]),
  ...own('mish', x => x * Math.tanh(f.softplus(x)), [[-80, 100]], [0]),
  ...own('gelu', x => x * f.ndtr(x), [[-1, 20]], [0]),
  ...absolute(own('gelu', x => x * f.ndtr(x), [[-13, -1]])),
  ...own('erf', f.erf, [[-5, 5]], [0, 1]),
  ...of('erfc', special.erfc, f.erfc, [[-5, 10]], [0, 0.5]),
  ...of('erfinv', special.erfinv, f.erfinv, [[-1, 1]], [0]),
  ...of('ndtr', special.ndtr, f.ndtr, [[-14, 6]], [0]),
  ...of('ndtri', special.ndtri, f.ndtri, [[2 ** -126, 1 - 2 ** -24]], [0.5]),
  ...absolute(of('lgamma', special.lgamma, f.lgamma, [[tiny, 1e36], [-20, -1e-30]], [1, 2])), // biome-ignore format: one line
  ...absolute(of('digamma', special.digamma, f.digamma, [[2 ** -125, 1e36], [-20, -(2 ** -125)]], [1, 1.4616321])), // biome-ignore format: one line
  { op: 'polygamma(1)', ranges: [[1e-18, 1e18]], run: x => special.polygamma(x, 1), exact: f.trigamma },
  ...math('sqrt', [[tiny, max]], [1]),
  ...own('rsqrt', x => 1 / Math.sqrt(x), [[tiny, max]], [1]),
  ...own('reciprocal', x => 1 / x, [[2 ** -126, 2 ** 126]], [1]),
  { op: 'pow', ranges: [[0.5, 2], [-100, 100]], run: (x, y) => x.pow(y), exact: Math.pow }, // biome-ignore format: one line
  { op: 'pow', ranges: [[tiny, max], [-8, 8]], run: (x, y) => x.pow(y), exact: Math.pow }, // biome-ignore format: one line
  { op: 'atan2', ranges: [[-1e18, 1e18], [-1e18, 1e18]], run: (x, y) => x.atan2(y), exact: Math.atan2 }, // biome-ignore format: one line
  { op: 'hypot', ranges: [[-max, max], [-max, max]], run: (x, y) => x.hypot(y), exact: Math.hypot }, // biome-ignore format: one line
  ...absolute([
    {
      op: 'logaddexp',
      ranges: [[-80, 80], [-80, 80]], // biome-ignore format: one line
      run: (x, y) => x.logaddexp(y),
      exact: (x, y) => Math.max(x, y) + Math.log1p(Math.exp(-Math.abs(x - y))),
    },
  ]),
]
