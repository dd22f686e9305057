// The expansions against Math in f64, in ULP of f32, with and without a fused multiply-add.

import { describe, expect, test } from 'vitest'
import { binary, f32, unary } from './build.ts'
import { erf } from './erf.ts'
import { bf16ToNumber, f16ToNumber, numberToBf16, numberToF16 } from './half.ts'
import type { BinaryOp, Expr, UnaryOp } from './ir.ts'
import { bf16Bits, expand, f16Bits, f16Value, rareMath } from './math.ts'

await rareMath.need()

const word = new DataView(new ArrayBuffer(4))
const bitsOf = (x: number): number => {
  word.setFloat32(0, x)
  return word.getUint32(0)
}
const floatOf = (bits: number): number => {
  word.setUint32(0, bits)
  return word.getFloat32(0)
}

/** Compiles an expression of leaves to JavaScript closures over slots: fast enough for dense samples. */
function compile(e: Expr, leaves: readonly Expr[], fused: boolean): (...args: number[]) => number {
  const at = new Map<Expr, number>(leaves.map((leaf, i) => [leaf, i]))
  const lines: string[] = []
  const visit = (x: Expr): string => {
    const known = at.get(x)
    if (known !== undefined) return `s[${known}]`
    if (x.op === 'const')
      return Number.isNaN(x.value)
        ? 'NaN'
        : x.dtype === 'f32'
          ? String(Math.fround(x.value)).replace(/^-0$/, '-0')
          : String(x.value)
    if (!('args' in x)) throw new Error(x.op)
    const [a, b, c] = (x.args as readonly Expr[]).map(visit)
    const t = x.dtype
    const typed = (text: string): string =>
      t === 'f32' ? `fround(${text})` : t === 'i32' ? `(${text})|0` : t === 'u32' ? `(${text})>>>0` : `+(${text})`
    const source = (x.args as readonly Expr[])[0].dtype
    const text = ((): string => {
      switch (x.op) {
        case 'add':
          return typed(`${a}+${b}`)
        case 'sub':
          return typed(`${a}-(${b})`)
        case 'mul':
          return typed(`${a}*${b}`)
        case 'div':
          return typed(`${a}/(${b})`)
        case 'fma':
          return fused ? `fround(${a}*${b}+${c})` : `fround(fround(${a}*${b})+${c})`
        case 'neg':
          return `-(${a})`
        case 'abs':
          return `Math.abs(${a})`
        case 'floor':
          return `Math.floor(${a})`
        case 'lt':
          return `+(${a}<${b})`
        case 'eq':
          return `+(${a}===${b})`
        case 'isNaN':
          return `+Number.isNaN(${a})`
        case 'not':
          return t === 'bool' ? `+!${a}` : typed(`~${a}`)
        case 'and':
          return typed(`${a}&${b}`)
        case 'or':
          return typed(`${a}|${b}`)
        case 'xor':
          return typed(`${a}^${b}`)
        case 'shl':
          return typed(`${a}<<${b}`)
        case 'shr':
          return t === 'u32' ? `${a}>>>${b}` : `${a}>>${b}`
        case 'where':
          return `${a}?${b}:${c}`
        case 'cast':
          return typed(a)
        case 'bitcast':
          return source === t
            ? a
            : source === 'f32'
              ? t === 'i32'
                ? `bits(${a})|0`
                : `bits(${a})`
              : t === 'f32'
                ? `float(${a})`
                : typed(a)
        default:
          throw new Error(x.op)
      }
    })()
    const slot = at.size
    at.set(x, slot)
    lines.push(`s[${slot}]=${text}`)
    return `s[${slot}]`
  }
  const result = visit(e)
  const run = new Function('s', 'fround', 'bits', 'float', `return () => {${lines.join(';')};return ${result}}`)
  const slots = new Float64Array(at.size)
  const code = run(slots, Math.fround, bitsOf, floatOf) as () => number
  return (...args) => {
    args.forEach((v, i) => (slots[i] = v))
    return code()
  }
}

/** |got - want| in units of the spacing of f32 at `want`; infinite when the kinds differ. */
function ulps(got: number, want: number): number {
  if (Number.isNaN(want) || Number.isNaN(got))
    return Number.isNaN(want) && Number.isNaN(got) ? 0 : Number.POSITIVE_INFINITY
  if (got === want || got === Math.fround(want)) return 0
  if (!Number.isFinite(got)) return Math.abs(want) > 3.4028234e38 ? 1 : Number.POSITIVE_INFINITY
  const exponent = Math.max(-126, Math.floor(Math.log2(Math.abs(want))))
  return Math.abs(got - want) / 2 ** (exponent - 23)
}

const special = [
  0,
  -0,
  1,
  -1,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  Number.NaN,
  2 ** -149,
  -(2 ** -149),
  2 ** -126,
  3.4028234663852886e38,
  -3.4028234663852886e38,
]

/** Every `stride`-th float between two, both signs, and the special ones. */
function* floats(low: number, high: number, count: number, signed: boolean): Generator<number> {
  const [from, to] = [bitsOf(low), bitsOf(high)]
  const stride = Math.max(1, Math.floor((to - from) / count))
  for (let bits = from; bits <= to; bits += stride) {
    yield floatOf(bits)
    if (signed) yield -floatOf(bits)
  }
}

interface Row {
  readonly op: UnaryOp
  readonly exact: (x: number) => number
  readonly ranges: readonly (readonly [low: number, high: number, signed?: boolean])[]
  /** [fused, two roundings] */
  readonly bound: readonly [number, number]
}

const rows: readonly Row[] = [
  {
    op: 'exp',
    exact: Math.exp,
    ranges: [
      [1e-30, 110, true],
      [0.1, 10, true],
      [87, 104, true],
    ],
    bound: [1, 1.2],
  },
  {
    op: 'expm1',
    exact: Math.expm1,
    ranges: [
      [1e-30, 100, true],
      [0.05, 3, true],
    ],
    bound: [1.5, 1.5],
  },
  {
    op: 'log',
    exact: Math.log,
    ranges: [
      [2 ** -149, 3e38, true],
      [0.5, 2],
    ],
    bound: [1, 1.2],
  },
  {
    op: 'log1p',
    exact: Math.log1p,
    ranges: [
      [1e-30, 3e38],
      [1e-5, 0.99999, true],
    ],
    bound: [1.5, 1.5],
  },
  {
    op: 'tanh',
    exact: Math.tanh,
    ranges: [
      [1e-30, 30, true],
      [0.01, 3, true],
    ],
    bound: [2, 2],
  },
  {
    op: 'erf',
    exact: erf,
    ranges: [
      [1e-30, 6, true],
      [0.3, 4, true],
    ],
    bound: [1.5, 1.5],
  },
  {
    op: 'sin',
    exact: Math.sin,
    ranges: [
      [1e-30, 1e5, true],
      [0.1, 10, true],
      [1000, 1e5, true],
    ],
    bound: [2.3, 2.3],
  },
  {
    op: 'cos',
    exact: Math.cos,
    ranges: [
      [1e-30, 1e5, true],
      [0.1, 10, true],
      [1000, 1e5, true],
    ],
    bound: [2.3, 2.3],
  },
  {
    op: 'tan',
    exact: Math.tan,
    ranges: [
      [1e-30, 1e5, true],
      [0.1, 10, true],
      [1000, 1e5, true],
    ],
    bound: [3, 3],
  },
]

const samples = Number(process.env.MATH_SAMPLES ?? 20000)

describe.each([true, false])('fused %s', fused => {
  test.each(rows)('$op', ({ op, exact, ranges, bound }) => {
    const x = f32(0)
    const f = compile(expand(unary(op, x)), [x], fused)
    let [worst, where] = [0, 0]
    const see = (v: number): void => {
      const error = ulps(f(v), exact(v))
      if (error > worst) [worst, where] = [error, v]
    }
    for (const v of special) {
      if (op === 'sin' || op === 'cos' || op === 'tan') if (Math.abs(v) > 1e5 && Number.isFinite(v)) continue
      see(v)
      const got = f(v)
      if (exact(v) === 0) expect(Object.is(got, exact(v)), `${op}(${v}) has the sign of 0`).toBe(true)
    }
    for (const [low, high, signed] of ranges) for (const v of floats(low, high, samples, signed ?? false)) see(v)
    if (process.env.MATH_SAMPLES) console.log(op, fused, worst.toFixed(3), where)
    expect(worst, `${op} at ${where}: ${f(where)} for ${exact(where)}`).toBeLessThanOrEqual(bound[fused ? 0 : 1])
  })

  const both = (op: BinaryOp): ((a: number, b: number) => number) => {
    const [a, b] = [f32(0), f32(0)]
    return compile(expand(binary(op, a, b)), [a, b], fused)
  }

  test('pow', () => {
    const f = both('pow')
    const exact = (a: number, b: number): number =>
      a === 1 || (a === -1 && !Number.isFinite(b) && !Number.isNaN(b)) ? 1 : a ** b
    let [worst, where] = [0, [0, 0]]
    const see = (a: number, b: number): void => {
      ;[a, b] = [Math.fround(a), Math.fround(b)]
      // the bound is 1.5 in the middle of the range and grows to 5 at its ends
      const size = Math.abs(b * Math.log2(Math.abs(a)))
      const error = ulps(f(a, b), exact(a, b)) / (size > 16 ? 5 / 1.5 : 1)
      if (error > worst) [worst, where] = [error, [a, b]]
    }
    const values = [
      ...special,
      2,
      -2,
      3,
      -3,
      0.5,
      -0.5,
      1.5,
      1e10,
      -1e10,
      2 ** 24,
      2 ** 24 + 2,
      16777215,
      1 + 2 ** -23,
      1 - 2 ** -24,
    ]
    for (const a of values) for (const b of values) see(a, b)
    for (let n = -40; n <= 40; n++) for (const a of [-10, -3, -2, -1.5, 0.1, 2, 3, 7]) see(a, n)
    let state = 12345
    const random = (): number => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) / 2 ** 32
    for (let i = 0; i < samples; i++) {
      const a = 2 ** (random() * 40 - 20)
      see(a, (random() * 256 - 128) / Math.max(Math.abs(Math.log2(a)), 1e-3))
      see(1 + (random() - 0.5) * 1e-2, (random() - 0.5) * 2e4)
      see(random() * 1000, random() * 8 - 4)
    }
    if (process.env.MATH_SAMPLES) console.log('pow', fused, worst.toFixed(3), where)
    expect(f(-2, 3)).toBe(-8)
    expect(f(-3, 2)).toBe(9)
    expect(f(1.1, 2)).toBe(Math.fround(Math.fround(1.1) ** 2))
    expect(worst, `pow(${where}): ${f(where[0], where[1])} for ${exact(where[0], where[1])}`).toBeLessThanOrEqual(1.5)
    expect(Object.is(f(-0, 3), -0)).toBe(true)
    expect(f(-0, -3)).toBe(Number.NEGATIVE_INFINITY)
  })

  test('atan2', () => {
    const f = both('atan2')
    let [worst, where] = [0, [0, 0]]
    const see = (a: number, b: number): void => {
      ;[a, b] = [Math.fround(a), Math.fround(b)]
      const [got, want] = [f(a, b), Math.atan2(a, b)]
      const error = Object.is(Math.fround(want), -0) !== Object.is(got, -0) ? Number.POSITIVE_INFINITY : ulps(got, want)
      if (error > worst) [worst, where] = [error, [a, b]]
    }
    for (const a of special) for (const b of special) see(a, b)
    for (let i = 0; i < samples; i++) {
      const angle = (i / samples) * 2 * Math.PI
      see(Math.sin(angle) * 3, Math.cos(angle) * 3)
      see(i * 1e-4, -7)
    }
    if (process.env.MATH_SAMPLES) console.log('atan2', fused, worst.toFixed(3), where)
    expect(
      worst,
      `atan2(${where}): ${f(where[0], where[1])} for ${Math.atan2(where[0], where[1])}`,
    ).toBeLessThanOrEqual(3)
  })
})

test('f16 and bf16 bits', () => {
  const x = f32(0)
  const toF16 = compile(f16Bits(x), [x], true)
  const toBf16 = compile(bf16Bits(x), [x], true)
  const bits = { ...f32(0), dtype: 'u32' } as Expr
  const fromF16 = compile(f16Value(bits), [bits], true)
  for (let b = 0; b < 65536; b++) {
    const [got, want] = [fromF16(b), f16ToNumber(b)]
    if (!Object.is(got, want)) expect(got, `f16 ${b}`).toBe(want)
  }
  const check = (v: number): void => {
    if (toF16(v) !== numberToF16(v)) expect(toF16(v), `f16 of ${v}`).toBe(numberToF16(v))
    if (toBf16(v) !== numberToBf16(v)) expect(toBf16(v), `bf16 of ${v}`).toBe(numberToBf16(v))
  }
  for (const v of floats(2 ** -149, 3.4e38, 200000, true)) check(v)
  for (const v of floats(2 ** -26, 2 ** -13, 50000, true)) check(v)
  for (const v of floats(65000, 66000, 2000, true)) check(v)
  for (const v of special) check(v)
  expect(bf16ToNumber(toBf16(Number.NaN))).toBeNaN()
})
