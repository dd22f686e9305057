// Tables of vectors, read by row, and bags of their rows. A table whose gradient is sparse is stepped by row (SGD, Adagrad, SparseAdam of @cairn/optim).

import { arange, checkOptions, type DeviceName, IndexError, noGrad, type Tensor } from '@cairn/tensor'
import { embedding, embeddingBag } from '@cairn/tensor/functional'
import { checkSizes } from '../check.ts'
import { normal } from '../init.ts'
import { Module } from '../module.ts'
import { parameter } from '../parameter.ts'

export interface EmbeddingTableOptions {
  /** a row that starts as zeros and gets no gradient */
  readonly paddingIdx?: number
  /** rows that are looked up and longer than this are shortened to it, in the table itself */
  readonly maxNorm?: number
  /** which norm that is, default 2 */
  readonly normType?: number
  /** divide the gradient of a row by how often a batch looks it up */
  readonly scaleGradByFreq?: boolean
  /** the gradient is the rows that were looked up (`sparseRows(weight.grad)` of @cairn/tensor), not a table */
  readonly sparse?: boolean
}

export interface EmbeddingBagLayerOptions extends EmbeddingTableOptions {
  /** default 'mean' */
  readonly mode?: 'sum' | 'mean' | 'max'
  /** offsets have a last entry that ends the last bag */
  readonly includeLastOffset?: boolean
}

const tableOptions = { paddingIdx: 0, maxNorm: 0, normType: 0, scaleGradByFreq: 0, sparse: 0 }

abstract class Table<O extends EmbeddingTableOptions> extends Module {
  /** [count, width] */
  weight: Tensor
  readonly options: O
  readonly paddingIdx: number | null

  constructor(name: string, count: number, width: number, options: O, given?: Tensor) {
    super()
    checkSizes(name, { count, width })
    this.options = options
    const { paddingIdx } = options
    this.paddingIdx = paddingIdx === undefined ? null : paddingIdx < 0 ? paddingIdx + count : paddingIdx
    if (this.paddingIdx !== null && !(this.paddingIdx >= 0 && this.paddingIdx < count))
      throw new IndexError(name, `paddingIdx ${paddingIdx} is no row of the table`, { rows: count })
    this.weight = parameter(given?.detach() ?? tableOf(count, width, this.paddingIdx))
  }

  /** What a lookup needs to know; shortens rows that are too long first. */
  protected lookUp(ids: Tensor): { sparse?: boolean; scaleGradByFreq?: boolean; paddingIndex?: number } {
    const { maxNorm, normType = 2, sparse, scaleGradByFreq } = this.options
    if (maxNorm !== undefined) noGrad(() => shorten(this.weight, ids, maxNorm, normType))
    return { sparse, scaleGradByFreq, ...(this.paddingIdx !== null && { paddingIndex: this.paddingIdx }) }
  }
}

/** A table of vectors, read by row. Starts as N(0, 1), as in torch. */
export class Embedding extends Table<EmbeddingTableOptions> {
  constructor(count: number, width: number, options: EmbeddingTableOptions = {}, weight?: Tensor) {
    checkOptions('Embedding', options, tableOptions)
    super('Embedding', count, width, options, weight)
  }
  /** A layer of a table [count, width] that is there. @param options.freeze default true: it does not learn */
  static fromPretrained(table: Tensor, options: EmbeddingTableOptions & { readonly freeze?: boolean } = {}): Embedding {
    const { freeze = true, ...own } = options
    const layer = new Embedding(...(table.shape as [number, number]), own, table)
    layer.weight.requiresGrad = !freeze
    return layer
  }

  /** Integer ids of any shape [...] to [..., width]. */
  forward(ids: Tensor): Tensor {
    const options = this.lookUp(ids)
    return embedding(this.weight, ids, options)
  }
}

/** Sums, means or maxima of bags of rows, without the rows between. */
export class EmbeddingBag extends Table<EmbeddingBagLayerOptions> {
  constructor(count: number, width: number, options: EmbeddingBagLayerOptions = {}, weight?: Tensor) {
    checkOptions('EmbeddingBag', options, { ...tableOptions, mode: 0, includeLastOffset: 0 })
    super('EmbeddingBag', count, width, options, weight)
  }
  /** A layer of a table [count, width] that is there. @param options.freeze default true: it does not learn */
  static fromPretrained(
    table: Tensor,
    options: EmbeddingBagLayerOptions & { readonly freeze?: boolean } = {},
  ): EmbeddingBag {
    const { freeze = true, ...own } = options
    const layer = new EmbeddingBag(...(table.shape as [number, number]), own, table)
    layer.weight.requiresGrad = !freeze
    return layer
  }

  /**
   * @param ids [bags, length], or [length] with offsets   @param offsets where each bag begins   @param weights a factor for each id, with mode 'sum'
   * @returns [bags, width]
   */
  forward(ids: Tensor, offsets?: Tensor, weights?: Tensor): Tensor {
    const { mode = 'mean', includeLastOffset } = this.options
    const begins = offsets && includeLastOffset ? offsets.narrow(0, 0, offsets.size - 1) : offsets
    const options = this.lookUp(ids)
    return embeddingBag(this.weight, ids, { ...options, mode, ...(begins && { offsets: begins }), weights })
  }
}

function shorten(table: Tensor, ids: Tensor, most: number, normType: number): void {
  const picks = ids.reshape([ids.size, 1]).expand([ids.size, table.shape[1]])
  const rows = table.gather(0, picks)
  const length = rows.norm(1, { p: normType, keepDim: true })
  const scale = length.add(1e-7).reciprocal().mul(most).where(length.gt(most), 1)
  table.assign(table.scatter(0, picks, rows.mul(scale)))
}

function tableOf(count: number, width: number, padding: number | null): Tensor {
  const table = normal([count, width], 0, 1)
  if (padding === null) return table
  const numbers = arange(0, count, 1, { device: table.device as DeviceName }).unsqueeze(-1)
  return table.where(numbers.ne(padding), 0)
}
