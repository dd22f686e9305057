// Cases whose results are drawn: the stored ones came from another generator, so they are held to what every draw keeps to.
import type { Tensor } from '@cairn/tensor'
import { numbersOf } from './elements.ts'
import type { Graph } from './proto.ts'

type Law = (inputs: readonly Tensor[], outputs: readonly Tensor[]) => Promise<string | null>

/** The law of a graph's results if they are drawn, else null: compare them. */
export async function lawOf(graph: Graph, inputs: readonly Tensor[]): Promise<Law | null> {
  const ops = new Set(graph.nodes.map(n => n.op))
  if (ops.has('Bernoulli') || ops.has('RandomUniformLike')) return bernoulli
  if (!ops.has('Dropout')) return null
  const training = inputs[2] && (await numbersOf(inputs[2]))[0] !== 0
  return training && (await ratioOf(inputs)) > 0 ? dropout : null
}

const ratioOf = async (inputs: readonly Tensor[]): Promise<number> =>
  inputs[1] ? (await numbersOf(inputs[1]))[0] : 0.5

/** Ones with the probability that the input gives: their number within six deviations of what is expected. */
const bernoulli: Law = async ([p], [drawn]) => {
  const [chances, values] = [await numbersOf(p), await numbersOf(drawn)]
  const odd = values.findIndex((v, i) => (v !== 0 && v !== 1) || (chances[i] === 0 && v !== 0) || (chances[i] === 1 && v !== 1)) // biome-ignore format: one test
  if (odd >= 0) return `${values[odd]} at ${odd}, drawn with a chance of ${chances[odd]}`
  const sum = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0)
  const [expected, variance] = [sum(chances), sum(chances.map(c => c * (1 - c)))]
  const off = Math.abs(sum(values) - expected)
  return off <= 6 * Math.sqrt(variance) ? null : `${sum(values)} ones where ${expected} are expected`
}

/** Each element is gone, or scaled; the mask says which. */
const dropout: Law = async (inputs, [y, mask]) => {
  const [x, out, ratio] = [await numbersOf(inputs[0]), await numbersOf(y), await ratioOf(inputs)]
  const kept = mask && (await numbersOf(mask))
  let count = 0
  for (const [i, v] of out.entries()) {
    const scaled = x[i] / (1 - ratio)
    const stays = kept ? kept[i] !== 0 : v !== 0
    if (stays ? Math.abs(v - scaled) > 1e-3 * Math.abs(scaled) : v !== 0) return `${v} at ${i}, of ${x[i]}`
    if (stays) count++
  }
  const deviation = Math.sqrt(ratio * (1 - ratio) * x.length)
  const off = Math.abs(count - (1 - ratio) * x.length)
  return off <= 6 * deviation ? null : `${count} of ${x.length} are kept at a ratio of ${ratio}`
}
