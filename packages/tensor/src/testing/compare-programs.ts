// Runs random programs on a device and on the reference device in double precision, forward and backward.

import { type DeviceName, readAll, setDefaultDevice, type Tensor, tensor } from '../index.ts'
import { sizeOf } from '../shape.ts'
import { expectClose } from './close.ts'
import { type Program, randomProgram } from './programs.ts'
import { draw } from './random.ts'

const leafShapes = [[4, 3], [3, 5], [2, 4, 3], [6], []] as const

async function evaluate(
  device: DeviceName,
  program: Program,
  dtype: 'f32' | 'f64',
  label: string,
): Promise<number[][]> {
  await setDefaultDevice(device)
  const from = draw(label)
  const leaves = leafShapes.map(shape =>
    tensor(Float64Array.from(from.many(sizeOf(shape), -1.5, 1.5).map(Math.fround)), shape, {
      dtype,
      requiresGrad: true,
    }),
  )
  const outputs = program.run(leaves)
  const weights = outputs.map(o => tensor(Float64Array.from(from.many(o.size, -1, 1)), o.shape, { dtype: o.dtype }))
  const loss = outputs.map((o, i) => o.mul(weights[i]).sum()).reduce((a, b) => a.add(b))
  if (loss.requiresGrad) loss.backward()
  const results: Tensor[] = [loss, ...outputs, ...leaves.flatMap(l => (l.grad ? [l.grad] : []))]
  return (await readAll(results)).map((data, i) => results[i].engine.decode(results[i].dtype, data))
}

/** @throws naming the program, when a device differs from the reference */
export async function comparePrograms(device: DeviceName, label: string, count: number, length: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const name = `${label} ${i}`
    const program = randomProgram(draw(name), leafShapes, length)
    const text = `program '${name}':\n  ${program.steps.join('\n  ')}\n`
    let results: number[][]
    const wanted = await evaluate('reference', program, 'f64', name)
    try {
      results = await evaluate(device, program, 'f32', name)
    } catch (error) {
      throw new Error(`${text}${(error as Error).message}`, { cause: error })
    }
    for (const [at, values] of wanted.entries()) {
      const scale = Math.max(1, ...values.map(Math.abs))
      expectClose(results[at], values, { absolute: 2e-4 * scale, relative: 1e-3 }, `${text}result ${at}`)
    }
  }
}
