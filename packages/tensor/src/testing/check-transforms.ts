// What checkOp asks of an op beyond value and gradient: its forward mode is that of finite differences, and under vmap it is a loop, with
// gradients through the vmap and inside of it. The reference device is held to differences and loops in double precision, the others to it.

import { expect } from 'vitest'
import { isFloat } from '../dtype.ts'
import {
  type DeviceName,
  type DType,
  grad,
  jvp,
  readAll,
  setDefaultDevice,
  stack,
  type Tensor,
  tensor,
  vmap,
} from '../index.ts'
import { sizeOf } from '../shape.ts'
import { expectClose, type Tolerance } from './close.ts'
import { draw } from './random.ts'
import type { Given } from './torch-cases.ts'

type Op = (...inputs: Tensor[]) => Tensor

const differences: Tolerance = { absolute: 1e-6, relative: 1e-5 }
const double: Tolerance = { absolute: 1e-10, relative: 1e-9 }

const put = (values: readonly number[], { shape, dtype }: Given, as: DType | null): Tensor =>
  tensor(Float64Array.from(values), shape, { dtype: as && isFloat(dtype) ? as : dtype })

async function valuesOf(tensors: readonly Tensor[]): Promise<number[][]> {
  return (await readAll(tensors)).map((data, i) => tensors[i].engine.decode(tensors[i].dtype, data))
}

const some = (label: string, size: number): number[] => draw(label).many(size, -1, 1).map(Math.fround)

/** The derivative along a fixed tangent. */
async function pushed(op: Op, inputs: readonly Given[], as: DType | null): Promise<number[]> {
  const xs = inputs.map(input => put(input.values, input, as))
  const ts = inputs.map((input, i) => put(tangentOf(input, i), input, as))
  const [found] = await valuesOf([jvp(op, xs, ts)[1]])
  return found
}

const tangentOf = (input: Given, i: number): number[] =>
  isFloat(input.dtype) ? some(`tangent ${i}`, input.values.length) : [...input.values]

/** jvp against central differences on the reference device, and against the reference device elsewhere. */
export async function checkForwardMode(
  what: string,
  op: Op,
  inputs: readonly Given[],
  device: DeviceName,
  tolerance: Tolerance,
): Promise<void> {
  await setDefaultDevice('reference')
  const truth = await pushed(op, inputs, 'f64')
  if (device === 'reference') {
    const step = 1e-5
    const at = (by: number): Tensor =>
      op(
        ...inputs.map((input, i) => {
          const t = tangentOf(input, i)
          return put(isFloat(input.dtype) ? input.values.map((v, j) => v + by * t[j]) : input.values, input, 'f64')
        }),
      )
    const slope = at(step)
      .sub(at(-step))
      .div(2 * step)
    expectClose(truth, await slope.numbers(), differences, `${what}: forward mode`)
    return
  }
  await setDefaultDevice(device)
  expectClose(await pushed(op, inputs, null), truth, tolerance, `${what}: forward mode`)
}

const examples = 2

/** The values of an example: floating-point ones move on by one place, so that they stay in their range. */
function exampleOf(input: Given, example: number): readonly number[] {
  if (example === 0 || !isFloat(input.dtype)) return input.values
  return [...input.values.slice(example), ...input.values.slice(0, example)]
}

function stacked(input: Given, as: DType | null): Tensor {
  const all = Array.from({ length: examples }, (_, e) => exampleOf(input, e)).flat()
  return put(all, { ...input, shape: [examples, ...input.shape] }, as)
}

/** Results and gradients of all examples, by a loop. */
async function looped(
  op: Op,
  inputs: readonly Given[],
  shared: readonly boolean[],
  slopes: boolean,
): Promise<number[][]> {
  const xs = inputs.map((input, i) => (shared[i] ? put(input.values, input, 'f64') : stacked(input, 'f64')))
  const over: typeof vmap = f =>
    ((...all: Tensor[]) =>
      stack(
        Array.from({ length: examples }, (_, e) =>
          (f as unknown as Op)(...all.map((x, i) => (shared[i] ? x : x.select(0, e)))),
        ),
      )) as never
  return valuesOf(results(op, xs, shared, slopes, over))
}

/** The mapped op, and where it has a derivative, the gradients of its weighted sum. */
function results(
  op: Op,
  xs: readonly Tensor[],
  shared: readonly boolean[],
  slopes: boolean,
  over: typeof vmap,
): Tensor[] {
  const options = { inAxes: shared.map(s => (s ? null : 0)) }
  const run = over(op, options)
  const out = run(...xs)
  if (!slopes) return [out]
  const at = xs.flatMap((x, i) => (isFloat(x.dtype) ? [i] : []))
  const total = (...inner: Tensor[]): Tensor => {
    const y = run(...inner)
    return y.mul(put(some('weights', y.size), { shape: y.shape, values: [], dtype: y.dtype }, null)).sum()
  }
  return [out, ...(grad(total, { argnums: at })(...xs) as Tensor[])]
}

/** vmap against a loop on the reference device, its gradients as well; gradients inside of the vmap too, and arguments that are shared. */
export async function checkVmap(
  what: string,
  op: Op,
  inputs: readonly Given[],
  device: DeviceName,
  options: { readonly tolerance: Tolerance; readonly slopes: boolean },
): Promise<void> {
  const none = inputs.map(() => false)
  await setDefaultDevice('reference')
  const truth = await looped(op, inputs, none, options.slopes)
  await setDefaultDevice(device)
  const as = device === 'reference' ? 'f64' : null
  const tolerance = device === 'reference' ? double : options.tolerance
  const compare = (found: readonly number[][], wanted: readonly number[][], how: string): void => {
    expect(found.length).toBe(wanted.length)
    found.forEach((values, i) =>
      expectClose(values, wanted[i], tolerance, `${what}: ${how}, ${i ? `gradient ${i - 1}` : 'values'}`),
    )
  }
  const xs = inputs.map(input => stacked(input, as))
  compare(await valuesOf(results(op, xs, none, options.slopes, vmap)), truth, 'vmap')
  if (device !== 'reference') return
  for (let first = 0; first < (inputs.length > 1 ? inputs.length : 0); first++) {
    const shared = inputs.map((_, i) => i !== first)
    const mixed = inputs.map((input, i) => (shared[i] ? put(input.values, input, as) : stacked(input, as)))
    compare(
      await valuesOf(results(op, mixed, shared, options.slopes, vmap)),
      await looped(op, inputs, shared, options.slopes),
      `vmap over argument ${first}`,
    )
  }
  if (!options.slopes) return
  // the gradient of each example inside of the vmap: weights of its own result, so the sum over examples is the gradient above
  const at = xs.flatMap((x, i) => (isFloat(x.dtype) ? [i] : []))
  const shape = op(...inputs.map(input => put(input.values, input, as))).shape
  const weights = put(
    some('weights', examples * sizeOf(shape)),
    { shape: [examples, ...shape], values: [], dtype: 'f64' },
    null,
  )
  const alone = (w: Tensor, ...inner: Tensor[]): Tensor =>
    op(...inner)
      .mul(w)
      .sum()
  const inside = vmap(grad(alone, { argnums: at.map(i => i + 1) }))(weights, ...xs) as unknown as Tensor[]
  compare([truth[0], ...(await valuesOf(inside))], truth, 'vmap of grad')
}
