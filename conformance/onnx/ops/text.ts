// Counting n-grams of token numbers: what it counts is read on the host. https://onnx.ai/onnx/operators/onnx__TfIdfVectorizer.html
import type { Tensor } from '@cairn/tensor'
import { type Call, hostTensor, type Op, range } from '../call.ts'
import { Unsupported } from '../elements.ts'

async function tfIdf(call: Call): Promise<Tensor> {
  if (call.has('pool_strings')) throw new Unsupported('TfIdfVectorizer of strings')
  const pool = call.ints('pool_int64s') ?? []
  const starts = call.ints('ngram_counts') ?? []
  const places = call.ints('ngram_indexes') ?? []
  const weights = call.floats('weights')
  const mode = call.text('mode', 'TF')
  const [shortest, longest] = [call.int('min_gram_length', 1), call.int('max_gram_length', 1)]
  const skips = call.int('max_skip_count', 0)

  const known = new Map<string, number>()
  starts.forEach((start, i) => {
    const n = i + 1
    for (let at = start; at < (starts[i + 1] ?? pool.length); at += n)
      known.set(pool.slice(at, at + n).join(), known.size)
  })
  const size = Math.max(...places) + 1
  const tokens = (await call.numbers(0)) ?? []
  const single = call.x.ndim === 1
  const [rows, length] = single ? [1, call.x.size] : call.x.shape
  const out = new Float64Array(rows * size)
  for (const row of range(rows)) {
    for (const n of range(longest - shortest + 1, shortest)) {
      // a single token has no gaps to leave
      for (const gap of range(n === 1 ? 1 : skips + 1, 1)) {
        for (let first = 0; first + (n - 1) * gap < length; first++) {
          const gram = known.get(range(n).map(j => tokens[row * length + first + j * gap]).join()) // biome-ignore format: a key
          if (gram !== undefined) out[row * size + places[gram]]++
        }
      }
    }
  }
  if (mode !== 'TF')
    places.forEach((place, gram) => {
      const weight = weights?.[gram] ?? 1
      for (const row of range(rows)) {
        const count = out[row * size + place]
        out[row * size + place] = mode === 'IDF' ? Math.min(count, 1) * weight : count * weight
      }
    })
  return hostTensor(out, single ? [size] : [rows, size])
}

export const text: Readonly<Record<string, Op>> = { TfIdfVectorizer: tfIdf }
