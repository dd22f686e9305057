// Windows, transforms and filter banks of signals. https://onnx.ai/onnx/operators/onnx__DFT.html
import { arange, stack, type Tensor } from '@cairn/tensor'
import { type Call, hostTensor, type Op, range, wrap } from '../call.ts'
import { carrierOf } from '../elements.ts'

/** A sum of cosines over one period. */
const cosineWindow =
  (...weights: readonly number[]): Op =>
  async call => {
    const size = await call.number(0)
    const dtype = carrierOf(call.int('output_datatype', 1))
    const period = call.flag('periodic', true) ? size : size - 1
    const angle = arange(size)
      .to(dtype)
      .mul((2 * Math.PI) / period)
    return weights.map((w, k) => angle.mul(k).cos().mul(w)).reduce((a, b) => a.add(b)) // biome-ignore format: one sum
  }

/** exp(-+ 2 pi i k n / size) as [size, bins] cosines and sines. */
function waves(size: number, bins: number, inverse: boolean, like: Tensor): [Tensor, Tensor] {
  const angle = (i: number): number => (2 * Math.PI * ((Math.floor(i / bins) * (i % bins)) % size)) / size
  const [cos, sin] = [Math.cos, Math.sin].map(
    f =>
    hostTensor(range(size * bins).map(i => f(angle(i))), [size, bins], like.dtype), // biome-ignore format: one call
  )
  return [cos, inverse ? sin : sin.neg()]
}

/** real and imaginary [..., size] to [..., bins, 2] */
function transform(real: Tensor, imaginary: Tensor | null, bins: number, inverse: boolean): Tensor {
  const size = real.shape[real.ndim - 1]
  const [cos, sin] = waves(size, bins, inverse, real)
  let [re, im] = [real.matmul(cos), real.matmul(sin)]
  if (imaginary) [re, im] = [re.sub(imaginary.matmul(sin)), im.add(imaginary.matmul(cos))]
  return stack(inverse ? [re.div(size), im.div(size)] : [re, im], -1)
}

/** [batch, ..., size, ..., 1 or 2] */
async function dft(call: Call): Promise<Tensor> {
  const x = call.x
  const axis = wrap(call.int('axis', 1), x.ndim)
  const [inverse, half] = [call.flag('inverse'), call.flag('onesided')]
  const length = call.inputs[1] ? await call.number(1) : x.shape[axis]
  const sized = x.pad(x.shape.map((n, d) => [0, d === axis ? length - n : 0] as const)) // biome-ignore format: widths
  const [re, im] = sized.movedim(axis, -2).unbind(-1)
  const bins = half ? Math.floor(length / 2) + 1 : length
  return transform(re, im ?? null, bins, inverse).movedim(-2, axis)
}

/** [batch, length, 1 or 2] to [batch, frames, bins, 2] */
async function stft(call: Call): Promise<Tensor> {
  const step = await call.number(1)
  const window = call.inputs[2]
  const size = call.inputs[3] ? await call.number(3) : window!.shape[0]
  const half = call.flag('onesided', true)
  const parts = call.x.unbind(-1).map(part => {
    const frames = part.windows(1, size, step)
    return window ? frames.mul(window) : frames
  })
  return transform(parts[0], parts[1] ?? null, half ? Math.floor(size / 2) + 1 : size, false)
}

/** Triangles between points that are evenly apart in mel. */
async function melWeights(call: Call): Promise<Tensor> {
  const [bins, length, rate, low, high] = await Promise.all(range(5).map(i => call.number(i)))
  const mel = (hertz: number): number => 2595 * Math.log10(1 + hertz / 700)
  const spectrum = Math.floor(length / 2) + 1
  const step = (mel(high) - mel(low)) / (bins + 2)
  const points = range(bins + 2).map(i =>
    Math.floor(((length + 1) * 700 * (10 ** ((i * step + mel(low)) / 2595) - 1)) / rate),
  )
  const out = new Float64Array(spectrum * bins)
  for (const i of range(bins)) {
    const [start, centre, end] = points.slice(i, i + 3)
    if (centre === start) out[centre * bins + i] = 1
    else for (const j of range(centre - start + 1, start)) out[j * bins + i] = (j - start) / (centre - start)
    if (end > centre) for (const j of range(end - centre, centre)) out[j * bins + i] = (end - j) / (end - centre)
  }
  return hostTensor(out, [spectrum, bins], carrierOf(call.int('output_datatype', 1)))
}

export const signals: Readonly<Record<string, Op>> = {
  HannWindow: cosineWindow(0.5, -0.5),
  HammingWindow: cosineWindow(25 / 46, -21 / 46),
  BlackmanWindow: cosineWindow(0.42, -0.5, 0.08),
  DFT: dft,
  STFT: stft,
  MelWeightMatrix: melWeights,
}
