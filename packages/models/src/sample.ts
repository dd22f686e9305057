// Choosing the next id from logits, on the host. Temperature, then the k most likely, then the nucleus (Holtzman et al. 2020), as
// Hugging Face's transformers order them.

import { CairnError } from '@cairn/tensor'

export interface SamplingOptions {
  /** divides the logits, default 1; 0 takes the most likely id, always */
  readonly temperature?: number
  /** only the k most likely ids */
  readonly topK?: number
  /** only the most likely ids that together have at least this probability */
  readonly topP?: number
}

export function checkSampling({ temperature = 1, topK, topP }: SamplingOptions): void {
  const fail = (problem: string) => {
    throw new CairnError('generate', problem)
  }
  if (!(temperature >= 0 && temperature < Infinity)) fail(`temperature must be 0 or more, not ${temperature}`)
  if (topK !== undefined && !(Number.isInteger(topK) && topK > 0)) fail(`topK must be a positive integer, not ${topK}`)
  if (topP !== undefined && !(topP > 0 && topP <= 1)) fail(`topP must be in (0, 1], not ${topP}`)
}

/** The first id with the largest logit. */
export function argmax(logits: ArrayLike<number>): number {
  let best = 0
  for (let i = 1; i < logits.length; i++) if (logits[i] > logits[best]) best = i
  return best
}

/**
 * Draws an id.
 * @param uniform gives a number in [0, 1)
 */
export function sample(logits: ArrayLike<number>, options: SamplingOptions, uniform: () => number): number {
  const { temperature = 1, topK, topP } = options
  if (temperature === 0 || topK === 1) return argmax(logits)
  const top = logits[argmax(logits)]
  if (!(top < Infinity)) throw new CairnError('generate', `the model gave the logit ${top}; its weights are not finite`)
  // Unnormalised probabilities; the most likely id has 1.
  const weights = Float64Array.from(logits, v => Math.exp((v - top) / temperature))
  let ids: ArrayLike<number> | null = null
  if (topK !== undefined && topK < weights.length) ids = largest(weights, everyId(weights.length), topK)
  if (topP !== undefined && topP < 1) ids = nucleus(weights, ids, topP)
  const count = ids ? ids.length : weights.length
  const at = (i: number): number => (ids ? ids[i] : i)
  let total = 0
  for (let i = 0; i < count; i++) total += weights[at(i)]
  let rest = uniform() * total
  for (let i = 0; i < count - 1; i++) {
    rest -= weights[at(i)]
    if (rest < 0) return at(i)
  }
  return at(count - 1)
}

const everyId = (count: number): Int32Array => Int32Array.from({ length: count }, (_, i) => i)

/** Ids in falling order of weight; equal weights in order of ids. */
const sorted = (weights: Float64Array, ids: Int32Array): Int32Array =>
  ids.sort((a, b) => weights[b] - weights[a] || a - b)

const largest = (weights: Float64Array, ids: Int32Array, count: number): Int32Array =>
  sorted(weights, ids).subarray(0, count)

/** The shortest list of most likely ids whose probability is at least p. */
function nucleus(weights: Float64Array, given: ArrayLike<number> | null, p: number): Int32Array {
  const ids = given ? Int32Array.from(given) : everyId(weights.length)
  let total = 0
  for (const id of ids) total += weights[id]
  // An id below this share cannot be in the nucleus: n - 1 of them do not make up 1 - p. Spares most of the sort.
  const floor = (total * (1 - p)) / Math.max(1, ids.length - 1)
  const order = sorted(
    weights,
    ids.filter(id => weights[id] >= floor),
  )
  let sum = 0
  let length = 0
  while (length < order.length && sum < p * total) sum += weights[order[length++]]
  return order.subarray(0, Math.max(1, length))
}
