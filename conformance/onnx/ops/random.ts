// Draws. Which numbers come is the generator's choice, so a case can only say what holds of them.
import { bernoulli, Generator, normal, type Tensor, uniform } from '@cairn/tensor'
import type { Call, Op } from '../call.ts'
import { carrierOf } from '../elements.ts'

/** A seed is a float in ONNX; without one the global counter draws. */
const generatorOf = (call: Call): { generator?: Generator } =>
  call.has('seed') ? { generator: new Generator(Math.trunc(call.float('seed', 0))) } : {}

const like =
  (draw: (call: Call, shape: readonly number[], options: { generator?: Generator }) => Tensor): Op =>
  call => {
    const dtype = call.has('dtype') ? carrierOf(call.int('dtype', 1)) : call.inputs[0] ? call.x.dtype : 'f32'
    const shape = call.inputs[0] ? call.x.shape : (call.ints('shape') ?? [])
    return draw(call, shape, generatorOf(call)).to(dtype)
  }
const uniformOf = like((call, shape, options) => uniform(shape, call.float('low', 0), call.float('high', 1), options))
const normalOf = like((call, shape, options) => normal(shape, call.float('mean', 0), call.float('scale', 1), options))

/** Kept elements are scaled so that the expectation stays; also which were kept. */
async function dropout(call: Call): Promise<Tensor[]> {
  const x = call.x
  const ratio = call.inputs[1] ? await call.number(1) : call.float('ratio', 0.5)
  const training = call.inputs[2] ? (await call.number(2)) !== 0 : false
  const options = generatorOf(call)
  if (!training || ratio === 0) return [x, x.onesLike().to('bool')]
  const kept = bernoulli(x.shape, 1 - ratio, options).to('bool')
  return [x.div(1 - ratio).where(kept, 0), kept]
}

export const random: Readonly<Record<string, Op>> = {
  RandomUniform: uniformOf,
  RandomUniformLike: uniformOf,
  RandomNormal: normalOf,
  RandomNormalLike: normalOf,
  Bernoulli: call => {
    const dtype = call.has('dtype') ? carrierOf(call.int('dtype', 1)) : call.x.dtype
    return uniform(call.x.shape, 0, 1, generatorOf(call)).to(call.x.dtype).lt(call.x).to(dtype)
  },
  Dropout: dropout,
}
