import { bytesInUse, statistics, tensor } from '@cairn/tensor'
import { expect } from 'vitest'
import { onEachDevice } from '../../tensor/src/testing/devices.ts'
import { settle } from '../../tensor/src/testing/settle.ts'
import { argmax, type CausalLM, GPT2, generate, generateIds, Llama, sample, type TextTokenizer } from './index.ts'

const config = { vocabSize: 13, contextLength: 16, width: 8, layers: 1, heads: 2 }
const gpt2 = () => new GPT2(config)
const llama = () => new Llama({ ...config, innerWidth: 8, kvHeads: 1 })

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const item of items) list.push(item)
  return list
}

/** Greedy writing without a cache. */
async function plain(model: CausalLM, prompt: number[], count: number): Promise<number[]> {
  const text = [...prompt]
  for (let i = 0; i < count; i++) {
    const logits = model.forward(tensor([text], { dtype: 'i32' })).narrow(1, text.length - 1, 1)
    text.push(argmax(await logits.numbers()))
  }
  return text.slice(prompt.length)
}

for (const [name, make] of [
  ['GPT-2', gpt2],
  ['Llama', llama],
] as const)
  onEachDevice(`${name} writes from its cache what it writes without`, async () => {
    const model = make()
    const wanted = await plain(model.eval(), [3, 1, 4], 10)
    model.train()
    expect(await collect(generateIds(model, [3, 1, 4], { maxNewTokens: 10, temperature: 0 }))).toEqual(wanted)
    expect(model.training).toBe(true)
  })

onEachDevice('past the context, the window moves', async () => {
  const model = gpt2().eval()
  const ids = await collect(generateIds(model, [1, 2, 3], { maxNewTokens: 40, temperature: 0 }))
  expect(ids.length).toBe(40)
  // 13 ids fill the context of 16, then the last 8 of all are read again.
  const text = [1, 2, 3, ...ids]
  for (const n of [17, 18, 24]) expect(text[n]).toBe((await plain(model, text.slice(n === 24 ? 9 : 9, n), 1))[0])
})

onEachDevice(
  'decoding compiles nothing after its first tokens, prompts of other lengths included, and holds no memory',
  async device => {
    for (const model of [gpt2(), llama()]) {
      const write = (length: number) =>
        collect(
          generateIds(
            model,
            Array.from({ length }, (_, i) => i),
            { maxNewTokens: 4, temperature: 0 },
          ),
        )
      // what nobody holds any more is given back first
      const measure = async () => {
        await settle()
        return [statistics(device).plansCompiled, bytesInUse(device)] as const
      }
      for (const length of [3, 5, 6]) await write(length)
      const [plans, bytes] = await measure()
      for (const length of [4, 7, 8, 9, 10, 2]) await write(length)
      // A length may coincide with another size of the model, and then has a plan of its own, once.
      const after = await measure()
      expect(after[0] - plans).toBeLessThanOrEqual(1)
      for (const length of [10, 3, 8, 2, 7]) await write(length)
      expect(await measure()).toEqual(after)
      // that plan's parameters, of 256 bytes a kernel on a GPU, weigh something beside so small a model
      expect(after[1]).toBeLessThan(1.1 * bytes + 8192)
    }
  },
  { on: ['wasm', 'webgpu'] },
)

onEachDevice(
  'after its first tokens, decoding builds no graph, hashes none and compiles nothing',
  async device => {
    for (const model of [gpt2(), llama()]) {
      const seen: (readonly number[])[] = []
      for await (const _ of generateIds(model, [1, 2], { maxNewTokens: 14, seed: 1 })) {
        const { nodesBuilt, captures, plansCompiled } = statistics(device)
        seen.push([nodesBuilt, captures, plansCompiled])
      }
      expect(seen.length).toBe(14)
      // the prompt, then three tokens: one as it is and two recorded
      expect(seen[4]).not.toEqual(seen[2])
      for (const later of seen.slice(5)) expect(later).toEqual(seen[4])
    }
  },
  { on: ['wasm', 'webgpu'] },
)

onEachDevice('a seed repeats a text; ids of the end stop it and are not given', async () => {
  const model = gpt2()
  const write = (seed: number) => collect(generateIds(model, [1], { maxNewTokens: 12, seed, temperature: 2 }))
  const [a, b, c] = [await write(1), await write(1), await write(2)]
  expect(b).toEqual(a)
  expect(c).not.toEqual(a)
  const stop = a[5]
  const cut = await collect(generateIds(model, [1], { maxNewTokens: 12, seed: 1, temperature: 2, eosTokenIds: [stop] }))
  expect(cut).toEqual(a.slice(0, a.indexOf(stop)))
})

onEachDevice('misuse', async () => {
  const write = (ids: number[], options = {}) => collect(generateIds(gpt2(), ids, options))
  await expect(write([])).rejects.toThrow('the prompt is empty')
  await expect(write([13])).rejects.toThrow("13 is not an id of this model's vocabulary of 13")
  await expect(write([1], { temperature: -1 })).rejects.toThrow('temperature')
  await expect(write([1], { topK: 0 })).rejects.toThrow('topK')
  await expect(write([1], { topP: 0 })).rejects.toThrow('topP')
  await expect(write([1], { signal: AbortSignal.abort() })).rejects.toThrow('aborted')
})

/** Letters a to m, one an id. */
const letters: TextTokenizer = {
  encode: (text: string) => ({ ids: [...text].map(c => c.charCodeAt(0) - 97) }),
  decodeStream: () => ({ push: (id: number) => String.fromCharCode(97 + id), end: () => '' }),
} as never

onEachDevice('text comes in pieces and ends before a stop text, wherever pieces break', async () => {
  const model = gpt2()
  const options = { maxNewTokens: 12, seed: 5, temperature: 3 }
  const pieces = await collect(generate(model, letters, 'ab', options))
  const whole = pieces.join('')
  expect(pieces.length).toBe(12)
  for (const [from, to] of [
    [4, 5],
    [3, 6],
    [0, 2],
  ]) {
    const stop = whole.slice(from, to)
    const cut = (await collect(generate(model, letters, 'ab', { ...options, stop }))).join('')
    expect(cut).toBe(whole.slice(0, whole.indexOf(stop)))
  }
  const never = await collect(generate(model, letters, 'ab', { ...options, stop: ['zzz', `${whole.at(-1)}z`] }))
  expect(never.join('')).toBe(whole)
})

onEachDevice('sampling follows the probabilities that temperature, topK and topP leave', () => {
  const probabilities = [0.5, 0.05, 0.3, 0.15]
  const logits = probabilities.map(Math.log)
  const shares = (options: Parameters<typeof sample>[1]) => {
    const counts = [0, 0, 0, 0]
    const n = 4000
    for (let i = 0; i < n; i++) counts[sample(logits, options, () => (i + 0.5) / n)]++
    return counts.map(c => c / n)
  }
  const normal = (weights: number[]) => weights.map(w => w / weights.reduce((a, b) => a + b, 0))
  const near = (actual: number[], wanted: number[]) => wanted.forEach((w, i) => expect(actual[i]).toBeCloseTo(w, 3))
  near(shares({}), probabilities)
  near(shares({ temperature: 0.5 }), normal(probabilities.map(p => p * p)))
  near(shares({ temperature: 0 }), [1, 0, 0, 0])
  near(shares({ topK: 2 }), normal([0.5, 0, 0.3, 0]))
  near(shares({ topP: 0.79 }), normal([0.5, 0, 0.3, 0]))
  near(shares({ topP: 0.81 }), normal([0.5, 0, 0.3, 0.15]))
  near(shares({ topP: 0.01 }), [1, 0, 0, 0])
  near(shares({ topK: 3, topP: 0.6 }), normal([0.5, 0, 0.3, 0]))
  expect(() => sample([Number.NaN, 1], {}, () => 0)).toThrow('not finite')
})
