// Runs random programs on a device and on the reference device in double precision, forward and backward.

import { type DeviceName, readAll, setDefaultDevice, type Tensor, tensor } from '../index.ts'
import { sizeOf } from '../shape.ts'
import { expectClose } from './close.ts'
import { families } from './program-families.ts'
import { type Program, randomProgram } from './programs.ts'
import { draw } from './random.ts'

const leaves = {
  /** A few elements. */
  small: { shapes: [[4, 3], [3, 5], [2, 4, 3], [6], []], options: {} },
  /** Every family of steps. */
  families: { shapes: [[4, 3], [3, 5], [2, 4, 3], [2, 3, 3], [6], []], options: { also: families } },
  /** Sizes at which vectors, tiles and threads come in, with their ends. */
  large: { shapes: [[40, 33], [33, 24], [2, 24, 33], [3, 33, 17], [24], []], options: { also: families, most: 6000 } },
} as const
export type ProgramKind = keyof typeof leaves

async function evaluate(
  device: DeviceName,
  program: Program,
  dtype: 'f32' | 'f64',
  label: string,
  kind: ProgramKind,
): Promise<number[][]> {
  await setDefaultDevice(device)
  const from = draw(label)
  const inputs = leaves[kind].shapes.map(shape =>
    tensor(Float64Array.from(from.many(sizeOf(shape), -1.5, 1.5).map(Math.fround)), shape, {
      dtype,
      requiresGrad: true,
    }),
  )
  const outputs = program.run(inputs)
  const weights = outputs.map(o => tensor(Float64Array.from(from.many(o.size, -1, 1)), o.shape, { dtype: o.dtype }))
  const loss = outputs.map((o, i) => o.mul(weights[i]).sum()).reduce((a, b) => a.add(b))
  if (loss.requiresGrad) loss.backward()
  const results: Tensor[] = [loss, ...outputs, ...inputs.flatMap(l => (l.grad ? [l.grad] : []))]
  return (await readAll(results)).map((data, i) => results[i].engine.decode(results[i].dtype, data))
}

/** @throws naming the program, when a device differs from the reference */
export async function comparePrograms(
  device: DeviceName,
  label: string,
  count: number,
  length: number,
  kind: ProgramKind = 'small',
): Promise<void> {
  for (let i = 0; i < count; i++) {
    const name = `${label} ${i}`
    const { shapes, options } = leaves[kind]
    const program = randomProgram(draw(name), shapes, length, options)
    const text = `program '${name}':\n  ${program.steps.join('\n  ')}\n`
    let results: number[][]
    const wanted = await evaluate('reference', program, 'f64', name, kind)
    try {
      results = await evaluate(device, program, 'f32', name, kind)
    } catch (error) {
      throw new Error(`${text}${(error as Error).message}`, { cause: error })
    }
    for (const [at, values] of wanted.entries()) {
      const scale = Math.max(1, ...values.map(Math.abs))
      expectClose(results[at], values, { absolute: 2e-4 * scale, relative: 1e-3 }, `${text}result ${at}`)
    }
  }
}
