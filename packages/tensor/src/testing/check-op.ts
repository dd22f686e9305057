// One helper for the tests of every op. On each device: forward values and gradients against the plain evaluator in double
// precision, against stored values and against a plain function of numbers; inputs once contiguous and once as strided
// views; other dtypes within their rounding; forward mode and vmap. On the reference device, first and second derivatives and forward mode
// against finite differences, and vmap against a loop. docs/ops.md is made of the titles of these tests.

import { describe, expect, test } from 'vitest'
import { isFloat } from '../dtype.ts'
import {
  type DeviceName,
  type DType,
  grad,
  readAll,
  type Shape,
  setDefaultDevice,
  type Tensor,
  tensor,
} from '../index.ts'
import { roundTo } from '../numeric.ts'
import { sizeOf, stridesOf } from '../shape.ts'
import { checkForwardMode, checkVmap } from './check-transforms.ts'
import { exact, expectClose, single, type Tolerance } from './close.ts'
import { onEachDevice } from './devices.ts'
import { type Draw, draw } from './random.ts'
import type { Given, Stored } from './torch-cases.ts'

export type { Given }

export type Op = (...inputs: Tensor[]) => Tensor
type Range = readonly [low: number, high: number]

export interface OpTest {
  /** random inputs: one shape for an op of one tensor, a list of shapes for more */
  readonly shapes?: readonly (Shape | readonly Shape[])[]
  /** where random inputs lie; one range for all or one for each */
  readonly range?: Range | readonly Range[]
  /** dtypes of random inputs; default f32 for all */
  readonly of?: readonly DType[]
  /** inputs with values of their own */
  readonly inputs?: readonly (readonly Given[])[]
  /** stored values of an outside implementation; null where they are not at hand */
  readonly against?: Stored | null
  /** the same in plain numbers, for elementwise ops: also tried on NaN, infinities, zeros, subnormal and large numbers */
  readonly plain?: (...values: number[]) => number
  /** further dtypes of the first case, forward only; integer inputs keep theirs */
  readonly dtypes?: readonly DType[]
  readonly tolerance?: Partial<Tolerance>
  /** for `plain`; default: one part in a million, and one unit in the last place of a subnormal number */
  readonly plainTolerance?: Partial<Tolerance>
  /** false: the op is not differentiable */
  readonly gradient?: boolean
  /** false: no second derivatives */
  readonly second?: boolean
  /** false: the op takes what no example of a batch can be */
  readonly vmap?: boolean
  /** how much of it the slow software GPU runs; default: the first case and stored values */
  readonly webgpu?: 'first' | 'all' | 'none'
}

interface Case {
  readonly label: string
  readonly inputs: readonly Given[]
}

interface Outcome {
  readonly output: number[]
  readonly shape: Shape
  readonly dtype: DType
  readonly gradients: readonly number[][]
}

const special = [NaN, Infinity, -Infinity, 0, -0, 1, -1, 0.5, -2.5, 3, 20, -20, 88, 1e-40, -1e-40, 1e-20, 1e30, -3e38]

export const given = (shape: Shape, values: readonly number[], dtype: DType = 'f32'): Given => ({
  shape,
  values,
  dtype,
})

const isList = (entry: Shape | readonly Shape[]): entry is readonly Shape[] => Array.isArray(entry[0])

function randomInput(from: Draw, shape: Shape, dtype: DType, [low, high]: Range): Given {
  const values = from.many(sizeOf(shape), low, high).map(v => (isFloat(dtype) ? Math.fround(v) : Math.floor(v)))
  return { shape, dtype, values: dtype === 'bool' ? values.map(v => v & 1) : values }
}

function casesOf(name: string, t: OpTest): Case[] {
  const from = draw(name)
  const random = (t.shapes ?? []).map((entry): Case => {
    const shapes = isList(entry) ? entry : [entry as Shape]
    const ranges = t.range && Array.isArray(t.range[0]) ? (t.range as readonly Range[]) : null
    const one = (ranges ? null : (t.range as Range | undefined)) ?? ([-2, 2] as const)
    return {
      label: shapes.map(s => `[${s.join(', ')}]`).join(' '),
      inputs: shapes.map((s, i) => randomInput(from, s, t.of?.[i] ?? 'f32', ranges?.[i] ?? one)),
    }
  })
  const own = (t.inputs ?? []).map((inputs, i): Case => ({ label: `inputs ${i}`, inputs }))
  return [...random, ...own]
}

/** The same values as a view of a larger tensor: axes reversed, one axis flipped, one cut. */
function strided(input: Given, dtype: DType, requiresGrad: boolean): Tensor {
  const { shape, values } = input
  const rank = shape.length
  const back = [...shape].reverse()
  const big = back.map((n, d) => (d === rank - 1 ? n + 1 : n))
  const data = new Array<number>(sizeOf(big)).fill(isFloat(dtype) ? 777 : 0)
  const strides = stridesOf(big)
  const index = new Array<number>(rank).fill(0)
  for (const value of values) {
    const at = [...index].reverse()
    at[rank - 1] += 1
    at[0] = rank === 1 ? back[0] + 1 - at[0] : back[0] - 1 - at[0]
    data[at.reduce((sum, n, d) => sum + n * strides[d], 0)] = value
    for (let d = rank - 1; d >= 0; d--) {
      if (++index[d] < shape[d]) break
      index[d] = 0
    }
  }
  const whole = tensor(Float64Array.from(data), big, { dtype, requiresGrad })
  const cut = rank === 1 ? whole.flip(0).narrow(0, 0, shape[0]) : whole.flip(0).narrow(rank - 1, 1, shape[0])
  return rank === 1 ? cut.slice([null, null]) : cut.permute(back.map((_, d) => rank - 1 - d))
}

/** Runs the op, and its gradients for a cotangent, on the default device; floating-point inputs take `dtype`. */
async function evaluate(
  op: Op,
  inputs: readonly Given[],
  options: { readonly dtype?: DType; readonly views?: boolean; readonly cotangent?: readonly number[] | null },
): Promise<Outcome> {
  const wants = options.cotangent !== undefined
  const xs = inputs.map(input => {
    const dtype = isFloat(input.dtype) ? (options.dtype ?? input.dtype) : input.dtype
    const requiresGrad = wants && isFloat(dtype)
    if (options.views && input.shape.length > 0 && input.values.length > 0) return strided(input, dtype, requiresGrad)
    return tensor(Float64Array.from(input.values), input.shape, { dtype, requiresGrad })
  })
  const out = op(...xs)
  const floats = xs.filter(x => isFloat(x.dtype))
  const cotangent = wants && (options.cotangent ?? cotangentOf(out.size))
  const found = cotangent
    ? grad(out, floats, { gradient: tensor(Float64Array.from(cotangent), out.shape, { dtype: out.dtype }) })
    : []
  for (const [i, g] of found.entries()) expect(g.shape, `shape of gradient ${i}`).toEqual(floats[i].shape)
  const all = [out, ...found]
  const data = (await readAll(all)).map((values, i) => all[i].engine.decode(all[i].dtype, values))
  return { output: data[0], shape: out.shape, dtype: out.dtype, gradients: data.slice(1) }
}

const cotangentOf = (size: number): number[] => draw('cotangent').many(size, -1, 1).map(Math.fround)

async function on<T>(device: DeviceName, run: () => Promise<T>): Promise<T> {
  await setDefaultDevice(device)
  return run()
}

/** What a dtype may differ by from exact arithmetic, for a few operations in a row. */
const roundings: Partial<Record<DType, Tolerance>> = {
  f64: { absolute: 1e-12, relative: 1e-12 },
  f32: single,
  f16: { absolute: 2e-3, relative: 4e-3 },
  bf16: { absolute: 2e-2, relative: 3e-2 },
}

const toleranceOf = (dtype: DType, t: OpTest): Tolerance =>
  isFloat(dtype) ? { ...roundings[dtype]!, ...(dtype === 'f32' || dtype === 'f64' ? t.tolerance : {}) } : exact

/** dtypes that a device has no memory for */
export const supports = (device: DeviceName, dtype: DType): boolean =>
  device !== 'webgpu' || (dtype !== 'f64' && dtype !== 'i64')

function compare(actual: Outcome, expected: Outcome, tolerance: Tolerance, what: string): void {
  expect(actual.shape, `${what}: shape`).toEqual(expected.shape)
  expectClose(actual.output, expected.output, tolerance, what)
  const slope = tolerance === exact ? single : tolerance
  for (const [i, g] of actual.gradients.entries())
    expectClose(g, expected.gradients[i], slope, `${what}, gradient ${i}`)
}

export function checkOp(name: string, op: Op, t: OpTest): void {
  const cases = casesOf(name, t)
  const differentiable = t.gradient !== false
  const cotangent = differentiable ? null : undefined
  const some = (device: DeviceName): readonly Case[] =>
    device === 'webgpu' && t.webgpu !== 'all' ? cases.slice(0, 1) : cases
  const all = t.webgpu === 'none' ? (['reference', 'wasm'] as const) : undefined

  describe(name, () => {
    if (cases.length)
      onEachDevice(
        'agrees with double precision, contiguous and strided',
        async device => {
          for (const { label, inputs } of some(device)) {
            const truth = await on('reference', () => evaluate(op, inputs, { dtype: 'f64', cotangent }))
            for (const views of [false, true]) {
              const result = await on(device, () => evaluate(op, inputs, { cotangent, views }))
              compare(result, truth, toleranceOf(result.dtype, t), `${name} ${label}${views ? ' as views' : ''}`)
            }
          }
        },
        { on: all },
      )

    if (t.dtypes?.length)
      onEachDevice(
        `takes ${t.dtypes.join(', ')}`,
        async device => {
          for (const dtype of t.dtypes!) {
            if (!supports(device, dtype)) continue
            const round = roundTo(dtype)
            const inputs = cases[0].inputs.map(input => ({
              ...input,
              dtype: isFloat(input.dtype) ? dtype : input.dtype,
              values: isFloat(input.dtype) ? input.values.map(round) : input.values,
            }))
            const truth = await on('reference', () => evaluate(op, inputs, isFloat(dtype) ? { dtype: 'f64' } : {}))
            const result = await on(device, () => evaluate(op, inputs, {}))
            compare(result, truth, toleranceOf(isFloat(dtype) ? dtype : result.dtype, t), `${name} ${dtype}`)
          }
        },
        { on: all },
      )

    if (t.plain)
      onEachDevice(
        'agrees with plain numbers: NaN, infinities, zeros, subnormal, large',
        async device => {
          const count = t.plain!.length
          const n = special.length ** count
          const columns = Array.from({ length: count }, (_, c) =>
            Array.from({ length: n }, (_, i) =>
              Math.fround(special[Math.floor(i / special.length ** c) % special.length]),
            ),
          )
          const expected = Array.from({ length: n }, (_, i) => Math.fround(t.plain!(...columns.map(c => c[i]))))
          const result = await on(device, () =>
            evaluate(
              op,
              columns.map(values => given([n], values)),
              {},
            ),
          )
          const tolerance = { absolute: 2 ** -149, relative: 1e-6, ...t.plainTolerance }
          for (let i = 0; i < n; i++)
            expectClose([result.output[i]], [expected[i]], tolerance, `${name}(${columns.map(c => c[i]).join(', ')})`)
        },
        // SwiftShader and other drivers may flush subnormals and assume that NaN does not occur: documented by device.
        { on: ['reference', 'wasm'] },
      )

    if (t.against !== undefined) {
      const stored = t.against
      if (stored === null) test.skip('agrees with torch (skipped: no stored values beside the repository)', () => {})
      else
        onEachDevice('agrees with torch', async device => {
          const result = await on(device, () =>
            evaluate(op, stored.inputs, { cotangent: stored.gradients ? (stored.cotangent ?? null) : undefined }),
          )
          const gradients = (stored.gradients ?? []).filter(g => g !== null).map(g => [...g])
          const wanted = {
            output: [...stored.output.values],
            shape: stored.output.shape,
            dtype: 'f32' as const,
            gradients,
          }
          compare(result, wanted, { ...single, ...t.tolerance }, name)
        })
    }

    const few = (device: DeviceName): readonly Case[] => cases.filter(isSmall).slice(0, device === 'reference' ? 4 : 1)
    if (t.vmap !== false && few('wasm').length)
      onEachDevice(
        'under vmap it is a loop',
        async device => {
          for (const { label, inputs } of few(device)) {
            const { dtype, gradients } = await on('reference', () => evaluate(op, inputs, { cotangent }))
            const slopes = differentiable && isFloat(dtype) && gradients.length > 0
            const tolerance = toleranceOf(dtype, t)
            await checkVmap(`${name} ${label}`, op, inputs, device, { tolerance, slopes })
          }
        },
        { on: all },
      )
    if (differentiable && few('wasm').length)
      onEachDevice(
        'forward mode is its derivative',
        async device => {
          for (const { label, inputs } of few(device))
            await checkForwardMode(`${name} ${label}`, op, inputs, device, { ...single, ...t.tolerance })
        },
        { on: all },
      )

    if (differentiable && cases.length) {
      onEachDevice(
        'first derivatives are those of finite differences',
        async () => {
          for (const { label, inputs } of cases)
            await differences(`${name} ${label}`, inputs, (xs, c) => total(op(...xs), c))
        },
        { on: ['reference'] },
      )
      if (t.second !== false)
        onEachDevice(
          'second derivatives are those of finite differences',
          async () => {
            for (const { label, inputs } of cases)
              await differences(`gradient of ${name} ${label}`, inputs, (xs, c) => {
                const floats = xs.filter(x => isFloat(x.dtype))
                const first = grad(total(op(...xs), c), floats, { createGraph: true })
                return first.map(g => total(g, 1)).reduce((a, b) => a.add(b))
              })
          },
          { on: ['reference'] },
        )
    }
  })
}

/** First and second derivatives in f64 alone: of contiguous inputs by finite differences, of strided views by these. */
export function checkGradients(name: string, given: Op, t: Pick<OpTest, 'shapes' | 'range' | 'second'>): void {
  // squared, and with squares of the inputs beside it, so that second derivatives of linear ops are no zeros and every input has one
  const op: Op = (...xs) =>
    given(...xs)
      .square()
      .add(xs.map(x => x.square().sum()).reduce((a, b) => a.add(b)))
  onEachDevice(
    `${name}: derivatives in f64, and of views`,
    async () => {
      for (const { label, inputs } of casesOf(name, t)) {
        await differences(`${name} ${label}`, inputs, (xs, c) => total(op(...xs), c))
        const slope: Op = (...xs) => {
          const first = grad(total(op(...xs), 0), xs, { createGraph: true })
          return first.map(g => total(g, 1)).reduce((a, b) => a.add(b))
        }
        if (t.second !== false) await differences(`gradient of ${name} ${label}`, inputs, xs => slope(...xs))
        for (const each of t.second === false ? [op] : [op, slope]) {
          const [plain, views] = await Promise.all([false, true].map(views => evaluate(each, inputs, { dtype: 'f64', cotangent: null, views }))) // biome-ignore format: one call
          compare(views, plain, { absolute: 1e-9, relative: 1e-9 }, `${name} ${label} as views`)
        }
      }
    },
    { on: ['reference'] },
  )
}

const isSmall = ({ inputs }: Case): boolean => inputs.every(input => input.values.length <= 200)

/** sum(x * cotangent): a scalar function whose gradient tells apart every element of x. */
function total(x: Tensor, stream: number): Tensor {
  const c = draw(`cotangent ${stream}`).many(x.size, -1, 1)
  return x.mul(tensor(Float64Array.from(c), x.shape, { dtype: 'f64' })).sum()
}

/** Compares `backward` with central differences in double precision, for at most 24 elements of each input. */
async function differences(
  what: string,
  inputs: readonly Given[],
  scalar: (xs: Tensor[], stream: number) => Tensor,
): Promise<void> {
  const make = (requiresGrad: boolean, change?: { input: number; element: number; by: number }): Tensor[] =>
    inputs.map(({ shape, dtype, values }, i) => {
      const float = isFloat(dtype)
      const moved = Float64Array.from(values)
      if (change?.input === i) moved[change.element] += change.by
      return tensor(moved, shape, { dtype: float ? 'f64' : dtype, requiresGrad: float && requiresGrad })
    })
  const leaves = make(true)
  const root = scalar(leaves, 0)
  if (root.requiresGrad) root.backward()
  for (const [i, { dtype, values }] of inputs.entries()) {
    if (!isFloat(dtype)) continue
    const analytic = leaves[i].grad ? await leaves[i].grad.numbers() : values.map(() => 0)
    const stride = Math.max(1, Math.ceil(values.length / 24))
    for (let element = 0; element < values.length; element += stride) {
      const by = 1e-5 * Math.max(1, Math.abs(values[element]))
      // A second derivative needs the history of the first one, so the leaves require gradients here too.
      const [up, down] = [by, -by].map(step => scalar(make(true, { input: i, element, by: step }), 0))
      const slope = ((await up.item()) - (await down.item())) / (2 * by)
      expectClose(
        [analytic[element]],
        [slope],
        { absolute: 1e-6, relative: 1e-5 },
        `${what}: derivative for input ${i}, element ${element}`,
      )
    }
  }
}
