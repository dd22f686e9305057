// Writing with a model: the prompt is read in one pass, then one id after the other, each from the cache of those before.

import { CairnError, defaultGenerator, Generator, jit, noGrad, type Tensor, tensor } from '@cairn/tensor'
import type { Tokenizer } from '@cairn/tokenizers'
import type { CausalLM } from './causal-lm.ts'
import { checkSampling, type SamplingOptions, sample } from './sample.ts'

export interface GenerateIdsOptions extends SamplingOptions {
  /** default 64 */
  readonly maxNewTokens?: number
  /** draws repeatably; without it the global generator is used */
  readonly seed?: number
  /** ids that end the text, which are not given out; default those of the model's config */
  readonly eosTokenIds?: readonly number[]
  /** stops when aborted */
  readonly signal?: AbortSignal
}

/** Capacities are rounded up to a multiple of this, so that prompts of many lengths share their plans. */
const capacityStep = 64

/**
 * Ids that follow a prompt, as they come. Past the model's context the window moves: the later half of the text is read again, and goes on.
 * @param prompt ids, at least one
 */
export async function* generateIds(
  model: CausalLM,
  prompt: ArrayLike<number>,
  options: GenerateIdsOptions = {},
): AsyncGenerator<number, void, undefined> {
  const { maxNewTokens = 64, seed, signal, eosTokenIds = model.config.eosTokenIds ?? [] } = options
  checkSampling(options)
  const { contextLength, vocabSize } = model.config
  const text = Array.from(prompt)
  if (text.length === 0) throw new CairnError('generate', 'the prompt is empty; give at least one id, such as <s>')
  for (const id of text)
    if (!Number.isInteger(id) || id < 0 || id >= vocabSize)
      throw new CairnError('generate', `${id} is not an id of this model's vocabulary of ${vocabSize}`)
  const generator = seed === undefined ? defaultGenerator() : new Generator(seed)
  const wanted = Math.ceil((text.length + maxNewTokens) / capacityStep) * capacityStep
  const cache = model.createCache(1, Math.min(contextLength, wanted))
  const last = (ids: Tensor): Tensor => {
    const hidden = model.hidden(ids, { cache })
    return model.logits(hidden.narrow(1, ids.size - 1, 1)).to('f32')
  }
  // One id after the other is the same graph each time: after the first few nothing is built any more.
  using decode = jit(last)
  try {
    let unread = text.slice(-contextLength)
    for (let count = 0; count < maxNewTokens; count++) {
      signal?.throwIfAborted()
      if (cache.length + unread.length > cache.shape.capacity) {
        cache.length = 0
        unread = text.slice(-Math.max(1, Math.floor(cache.shape.capacity / 2)))
      }
      const logits = await logitsAfter(model, unread, unread.length === 1 ? decode : last)
      const id = sample(logits, options, () => generator.uniform())
      if (eosTokenIds.includes(id)) return
      text.push(id)
      unread = [id]
      yield id
    }
  } finally {
    cache[Symbol.dispose]()
  }
}

/** Logits after the last of `ids`, read from the device. */
async function logitsAfter(
  model: CausalLM,
  ids: readonly number[],
  last: (ids: Tensor) => Tensor,
): Promise<ArrayLike<number>> {
  // Freed at once: a long text would otherwise keep every row of logits until the garbage collector comes by.
  using input = tensor(Int32Array.from(ids), [1, ids.length])
  using logits = evaluating(model, () => last(input))
  return (await logits.data()) as Float32Array
}

/** Builds a graph without history and without dropout. */
function evaluating<T>(model: CausalLM, build: () => T): T {
  const mode = model.training
  if (mode) model.eval()
  try {
    return noGrad(build)
  } finally {
    if (mode) model.train()
  }
}

export interface GenerateOptions extends GenerateIdsOptions {
  /** texts that end the writing, which are not given out */
  readonly stop?: string | readonly string[]
  /** read special tokens written out in the prompt as such, default false */
  readonly allowSpecial?: boolean
}

/** What `generate` needs of a tokenizer. */
export type TextTokenizer = Pick<Tokenizer, 'encode' | 'decodeStream'>

/**
 * Text that follows a prompt, piece by piece as it is written.
 * @example for await (const piece of generate(model, tokenizer, 'Once', { topP: 0.9 })) process.stdout.write(piece)
 */
export async function* generate(
  model: CausalLM,
  tokenizer: TextTokenizer,
  prompt: string,
  options: GenerateOptions = {},
): AsyncGenerator<string, void, undefined> {
  const stops = (typeof options.stop === 'string' ? [options.stop] : (options.stop ?? [])).filter(s => s !== '')
  const { ids } = tokenizer.encode(prompt, { allowedSpecial: options.allowSpecial ? 'all' : 'none' })
  const stream = tokenizer.decodeStream({ prompt: ids })
  const filter = new StopFilter(stops)
  for await (const id of generateIds(model, ids, options)) {
    const piece = filter.push(stream.push(id))
    if (piece) yield piece
    if (filter.stopped) return
  }
  const rest = filter.push(stream.end()) + filter.end()
  if (rest) yield rest
}

/** Holds back text that may be the beginning of a stop text. */
class StopFilter {
  stopped = false
  #held = ''
  readonly #stops: readonly string[]
  constructor(stops: readonly string[]) {
    this.#stops = stops
  }
  push(piece: string): string {
    const text = this.#held + piece
    const hits = this.#stops.map(s => text.indexOf(s)).filter(at => at >= 0)
    if (hits.length) {
      this.stopped = true
      this.#held = ''
      return text.slice(0, Math.min(...hits))
    }
    let keep = 0
    for (const stop of this.#stops)
      for (let n = Math.min(stop.length - 1, text.length); n > keep; n--) if (text.endsWith(stop.slice(0, n))) keep = n
    this.#held = text.slice(text.length - keep)
    return text.slice(0, text.length - keep)
  }
  end(): string {
    const rest = this.#held
    this.#held = ''
    return rest
  }
}
