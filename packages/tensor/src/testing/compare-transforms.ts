// Random programs through vmap, grad and jvp, nested. What they should give is computed on the reference device in double precision, with loops in
// the place of vmap and differences in the place of forward mode.

import { type DeviceName, grad, jvp, readAll, setDefaultDevice, stack, type Tensor, tensor, vmap } from '../index.ts'
import { type Shape, sizeOf } from '../shape.ts'
import { expectClose } from './close.ts'
import { type ProgramOptions, randomProgram } from './programs.ts'
import { draw } from './random.ts'

const leafShapes = [[4, 3], [3, 5], [2, 3], [6], []] as const
const all = leafShapes.map((_, i) => i)
const examples = 2

type Leaves = readonly Tensor[]
/** A function of one example, for all of them. */
type Over = (f: (...leaves: Tensor[]) => readonly Tensor[]) => (...leaves: Tensor[]) => Tensor[]

interface Setting {
  readonly device: DeviceName
  readonly dtype: 'f32' | 'f64'
}

const values = (label: string, shape: Shape, { dtype }: Setting, range = 1.5): Tensor =>
  tensor(Float64Array.from(draw(label).many(sizeOf(shape), -range, range).map(Math.fround)), shape, { dtype })

async function numbers(tensors: Leaves): Promise<number[][]> {
  return (await readAll(tensors)).map((data, i) => tensors[i].engine.decode(tensors[i].dtype, data))
}

interface Case {
  readonly name: string
  readonly run: (leaves: Leaves) => Tensor[]
  readonly batched: readonly boolean[]
}

const overVmap =
  (batched: readonly boolean[]): Over =>
  f =>
    vmap(f, { inAxes: batched.map(b => (b ? 0 : null)) }) as ReturnType<Over>

const overLoop =
  (batched: readonly boolean[]): Over =>
  f =>
  (...leaves) => {
    const rows = Array.from({ length: examples }, (_, e) =>
      f(...leaves.map((x, i) => (batched[i] ? x.select(0, e) : x))),
    )
    return rows[0].map((_, i) => stack(rows.map(r => r[i])))
  }

const leavesOf = ({ name, batched }: Case, setting: Setting): Tensor[] =>
  leafShapes.map((s, i) => values(`${name} leaf ${i}`, batched[i] ? [examples, ...s] : s, setting))
const tangentsOf = ({ name }: Case, leaves: Leaves, setting: Setting): Tensor[] =>
  leaves.map((x, i) => values(`${name} tangent ${i}`, x.shape, setting, 1))

/** A scalar of one example: all results, weighted. */
function lossOf({ name, run }: Case, setting: Setting): (...leaves: Tensor[]) => Tensor {
  return (...leaves) =>
    run(leaves)
      .map((y, i) => y.mul(values(`${name} weight ${i}`, y.shape, setting)).sum())
      .reduce((a, b) => a.add(b))
}

const kinds = ['values', 'gradients inside', 'gradients through', 'forward', 'forward of gradients inside'] as const

async function results(c: Case, over: Over, setting: Setting): Promise<Record<(typeof kinds)[number], number[][]>> {
  await setDefaultDevice(setting.device)
  const leaves = leavesOf(c, setting)
  const loss = lossOf(c, setting)
  const gradients = (...ls: Tensor[]): Tensor[] => grad(loss, { argnums: all })(...ls) as Tensor[]
  const total = (...ls: Tensor[]): Tensor => over((...one) => [loss(...one).sin()])(...ls)[0].sum()
  const tangents = tangentsOf(c, leaves, setting)
  const lists = {
    values: over((...ls) => c.run(ls))(...leaves),
    'gradients inside': over(gradients)(...leaves),
    'gradients through': grad(total, { argnums: all })(...leaves) as Tensor[],
    forward: [jvp(total, leaves, tangents)[1]],
    'forward of gradients inside': jvp(over(gradients), leaves, tangents)[1],
  }
  const found = await numbers(kinds.flatMap(kind => lists[kind]))
  let at = 0
  return Object.fromEntries(kinds.map(kind => [kind, lists[kind].map(() => found[at++])])) as never
}

/** The slope of the loss along the tangents by differences, at the first example. */
async function slope(c: Case): Promise<{ found: number; wanted: number }> {
  const setting = { device: 'reference', dtype: 'f64' } as const
  await setDefaultDevice('reference')
  const leaves = leavesOf(c, setting).map((x, i) => (c.batched[i] ? x.select(0, 0) : x))
  const tangents = tangentsOf(c, leaves, setting)
  const loss = lossOf(c, setting)
  const step = 1e-6
  const at = (by: number): Tensor => loss(...leaves.map((x, i) => x.add(tangents[i].mul(by))))
  const [[found], [wanted]] = await numbers([
    jvp(loss, leaves, tangents)[1],
    at(step)
      .sub(at(-step))
      .div(2 * step),
  ])
  return { found, wanted }
}

/** @throws naming the program, when a transform on a device differs from loops and differences */
export async function compareTransforms(
  device: DeviceName,
  label: string,
  count: number,
  length: number,
  options?: ProgramOptions,
): Promise<void> {
  for (let i = 0; i < count; i++) {
    const name = `${label} ${i}`
    const from = draw(name)
    const program = randomProgram(from, leafShapes, length, options)
    const mask = from.integer(1, 2 ** leafShapes.length)
    const c: Case = { name, run: leaves => program.run(leaves), batched: all.map(j => (mask & (1 << j)) !== 0) }
    const text = `program '${name}', examples in ${all.filter(j => c.batched[j])}:\n  ${program.steps.join('\n  ')}\n`
    const wanted = await results(c, overLoop(c.batched), { device: 'reference', dtype: 'f64' })
    let found: typeof wanted
    try {
      found = await results(c, overVmap(c.batched), { device, dtype: device === 'reference' ? 'f64' : 'f32' })
    } catch (error) {
      throw new Error(`${text}${(error as Error).message}`, { cause: error })
    }
    for (const kind of kinds)
      wanted[kind].forEach((expected, at) => {
        const scale = Math.max(1, ...expected.map(Math.abs))
        const allowed = device === 'reference' ? 1e-9 : kind === 'forward of gradients inside' ? 2e-3 : 5e-4
        expectClose(found[kind][at], expected, { absolute: allowed * scale, relative: allowed }, `${text}${kind} ${at}`)
      })
    // differences see what a detached value depends on, and derivatives must not
    if (device === 'reference' && !program.steps.some(step => step.includes('detach('))) {
      const by = await slope(c)
      const scale = Math.max(1, Math.abs(by.wanted))
      expectClose([by.found], [by.wanted], { absolute: 1e-5 * scale, relative: 1e-5 }, `${text}forward mode`)
    }
  }
}
