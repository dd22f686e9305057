// Recurrent layers and cells with torch's names, keys and initial values over the functions of @cairn/tensor. A batch of sequences of unequal
// length goes in as `lengths` or as a PackedSequence; both mean what torch's packed sequences mean.

import { checkOptions, type DeviceName, dropout, ShapeError, stack, type Tensor, tensor, zeros } from '@cairn/tensor'
import {
  gru,
  gruCell,
  lstm,
  lstmCell,
  type RecurrentOptions,
  type RecurrentWeights,
  rnn,
  rnnCell,
} from '@cairn/tensor/functional'
import { checkSizes } from '../check.ts'
import { uniform } from '../init.ts'
import { Module } from '../module.ts'
import { parameter } from '../parameter.ts'

/** Sequences of unequal length in one tensor; what lies after a sequence's end is not looked at. */
export interface PackedSequence {
  /** [time, batch, features], or [batch, time, features] with `batchFirst` */
  readonly padded: Tensor
  /** i32 [batch] */
  readonly lengths: Tensor
  readonly batchFirst: boolean
}

const isPacked = (x: Tensor | PackedSequence): x is PackedSequence => 'padded' in x

/** torch.nn.utils.rnn.pack_padded_sequence; sequences need not be sorted. */
export function packPaddedSequence(
  padded: Tensor,
  lengths: readonly number[] | Tensor,
  options: { batchFirst?: boolean } = {},
): PackedSequence {
  const batchFirst = options.batchFirst ?? false
  const [time, batch] = batchFirst ? [padded.shape[1], padded.shape[0]] : padded.shape
  const list = Array.isArray(lengths) ? (lengths as readonly number[]) : null
  if ((list ? list.length : (lengths as Tensor).size) !== batch)
    throw new ShapeError('packPaddedSequence', `needs one length for each of ${batch} sequences`)
  if (list?.some(n => !Number.isInteger(n) || n < 1 || n > time))
    throw new ShapeError('packPaddedSequence', `lengths must be integers from 1 to ${time}, not ${list.join(', ')}`)
  const on = { dtype: 'i32', device: padded.device as DeviceName } as const
  return { padded, lengths: list ? tensor([...list], on) : (lengths as Tensor), batchFirst }
}

/** torch.nn.utils.rnn.pad_packed_sequence: zeros (or `value`) after each end. */
export function padPackedSequence(
  { padded, lengths, batchFirst }: PackedSequence,
  options: { value?: number } = {},
): [padded: Tensor, lengths: Tensor] {
  const time = padded.shape[batchFirst ? 1 : 0]
  const on = { device: padded.device as DeviceName }
  const steps = zeros([time], { ...on, dtype: 'i32' })
    .add(1)
    .cumsum(0)
    .sub(1)
  const inside = batchFirst
    ? steps.unsqueeze(0).lt(lengths.unsqueeze(1)).unsqueeze(-1)
    : steps.unsqueeze(1).lt(lengths.unsqueeze(0)).unsqueeze(-1)
  return [padded.where(inside, options.value ?? 0), lengths]
}

/** torch.nn.utils.rnn.pad_sequence: sequences [time, ...] below each other, filled up to the longest. */
export function padSequence(
  sequences: readonly Tensor[],
  options: { batchFirst?: boolean; value?: number } = {},
): Tensor {
  const longest = Math.max(...sequences.map(s => s.shape[0]))
  const filled = sequences.map(s =>
    s.pad(
      s.shape.map((n, d): [number, number] => (d === 0 ? [0, longest - n] : [0, 0])),
      options.value ?? 0,
    ),
  )
  return stack(filled, options.batchFirst ? 0 : 1)
}

export interface RecurrentLayerOptions {
  /** default 1 */
  readonly layers?: number
  /** default true */
  readonly bias?: boolean
  /** [batch, time, features] in and out; default false, as in torch */
  readonly batchFirst?: boolean
  /** dropped between layers in training, default 0 */
  readonly dropout?: number
  readonly bidirectional?: boolean
}

export interface RecurrentInput {
  /** the first hidden state [layers * directions, batch, hidden]; zeros when left out */
  readonly hidden?: Tensor
  /** the length of each sequence of the batch: results after it are 0, and the last state is that of its end */
  readonly lengths?: readonly number[] | Tensor
}

type Out<X> = X extends PackedSequence ? PackedSequence : Tensor

/** Layers by how many gates they have. */
const names: Readonly<Record<number, string>> = { 1: 'RNN', 3: 'GRU', 4: 'LSTM' }

abstract class Recurrent extends Module {
  readonly hiddenSize: number
  readonly layers: number
  readonly batchFirst: boolean
  readonly dropout: number
  readonly bidirectional: boolean
  readonly #biased: boolean
  readonly #projected: boolean

  constructor(gates: number, inputs: number, hidden: number, options: RecurrentLayerOptions, projection = 0) {
    super()
    checkSizes(names[gates], { inputs, hidden })
    checkOptions<RecurrentLayerOptions & { nonlinearity?: unknown; projection?: unknown }>(names[gates], options, {
      layers: 0,
      bias: 0,
      batchFirst: 0,
      dropout: 0,
      bidirectional: 0,
      nonlinearity: 0,
      projection: 0,
    })
    this.hiddenSize = hidden
    this.layers = options.layers ?? 1
    this.batchFirst = options.batchFirst ?? false
    this.dropout = options.dropout ?? 0
    this.bidirectional = options.bidirectional ?? false
    this.#biased = options.bias !== false
    this.#projected = projection > 0
    const bound = 1 / Math.sqrt(hidden)
    const result = projection || hidden
    const own = this as unknown as Record<string, Tensor>
    const make = (name: string, shape: number[]): void => {
      own[name] = parameter(uniform(shape, -bound, bound))
    }
    for (const [layer, suffix] of this.#parts()) {
      const width = layer === 0 ? inputs : result * (this.bidirectional ? 2 : 1)
      make(`weight_ih_${suffix}`, [gates * hidden, width])
      make(`weight_hh_${suffix}`, [gates * hidden, result])
      if (this.#biased) for (const name of ['bias_ih', 'bias_hh']) make(`${name}_${suffix}`, [gates * hidden])
      if (projection) make(`weight_hr_${suffix}`, [projection, hidden])
    }
  }

  /** torch's names of the weights of each layer and direction end so: l0, l0_reverse, l1 ... */
  #parts(): [layer: number, suffix: string][] {
    return Array.from({ length: this.layers }, (_, i) => i).flatMap((i): [number, string][] =>
      this.bidirectional
        ? [
            [i, `l${i}`],
            [i, `l${i}_reverse`],
          ]
        : [[i, `l${i}`]],
    )
  }

  protected weights(): RecurrentWeights[] {
    const own = this as unknown as Record<string, Tensor>
    return this.#parts().map(([, suffix]) => ({
      ih: own[`weight_ih_${suffix}`],
      hh: own[`weight_hh_${suffix}`],
      ...(this.#biased && { biasIh: own[`bias_ih_${suffix}`], biasHh: own[`bias_hh_${suffix}`] }),
      ...(this.#projected && { projection: own[`weight_hr_${suffix}`] }),
    }))
  }

  /** The padded sequences, and what the function needs to know. */
  protected unpack(x: Tensor | PackedSequence, given: RecurrentInput): { x: Tensor; options: RecurrentOptions } {
    const packed = isPacked(x) ? x : null
    const options: RecurrentOptions = {
      batchFirst: packed ? packed.batchFirst : this.batchFirst,
      bidirectional: this.bidirectional,
      hidden: given.hidden,
      lengths: packed ? packed.lengths : given.lengths,
      ...(this.training && this.dropout > 0 && { between: (y: Tensor) => dropout(y, this.dropout) }),
    }
    return { x: packed ? packed.padded : (x as Tensor), options }
  }
  protected pack<X extends Tensor | PackedSequence>(like: X, output: Tensor): Out<X> {
    return (isPacked(like) ? { ...like, padded: output } : output) as Out<X>
  }
}

/** torch.nn.RNN (Elman 1990). */
export class RNN extends Recurrent {
  readonly nonlinearity: 'tanh' | 'relu'
  constructor(
    inputs: number,
    hidden: number,
    options: RecurrentLayerOptions & { nonlinearity?: 'tanh' | 'relu' } = {},
  ) {
    super(1, inputs, hidden, options)
    this.nonlinearity = options.nonlinearity ?? 'tanh'
  }
  /** @param given [time, batch, inputs], with `batchFirst` [batch, time, inputs], or [time, inputs] */
  forward<X extends Tensor | PackedSequence>(given: X, input: RecurrentInput = {}): { output: Out<X>; hidden: Tensor } {
    const { x, options } = this.unpack(given, input)
    const { output, hidden } = rnn(x, this.weights(), { ...options, activation: this.nonlinearity })
    return { output: this.pack(given, output), hidden }
  }
}

/** torch.nn.GRU (Cho et al. 2014). */
export class GRU extends Recurrent {
  constructor(inputs: number, hidden: number, options: RecurrentLayerOptions = {}) {
    super(3, inputs, hidden, options)
  }
  /** @param given [time, batch, inputs], with `batchFirst` [batch, time, inputs], or [time, inputs] */
  forward<X extends Tensor | PackedSequence>(given: X, input: RecurrentInput = {}): { output: Out<X>; hidden: Tensor } {
    const { x, options } = this.unpack(given, input)
    const { output, hidden } = gru(x, this.weights(), options)
    return { output: this.pack(given, output), hidden }
  }
}

/** torch.nn.LSTM (Hochreiter and Schmidhuber 1997), with an optional projection (Sak et al. 2014). */
export class LSTM extends Recurrent {
  constructor(inputs: number, hidden: number, options: RecurrentLayerOptions & { projection?: number } = {}) {
    super(4, inputs, hidden, options, options.projection)
  }
  /** @param given [time, batch, inputs], with `batchFirst` [batch, time, inputs], or [time, inputs] */
  forward<X extends Tensor | PackedSequence>(
    given: X,
    input: RecurrentInput & { readonly cell?: Tensor } = {},
  ): { output: Out<X>; hidden: Tensor; cell: Tensor } {
    const { x, options } = this.unpack(given, input)
    const { output, hidden, cell } = lstm(x, this.weights(), { ...options, cell: input.cell })
    return { output: this.pack(given, output), hidden, cell }
  }
}

abstract class Cell extends Module {
  /** [gates * hidden, inputs] */
  weight_ih: Tensor
  /** [gates * hidden, hidden] */
  weight_hh: Tensor
  bias_ih: Tensor | null = null
  bias_hh: Tensor | null = null
  readonly hiddenSize: number
  constructor(gates: number, inputs: number, hidden: number, options: { bias?: boolean }) {
    super()
    this.hiddenSize = hidden
    const bound = 1 / Math.sqrt(hidden)
    const make = (shape: number[]) => parameter(uniform(shape, -bound, bound))
    this.weight_ih = make([gates * hidden, inputs])
    this.weight_hh = make([gates * hidden, hidden])
    if (options.bias === false) return
    this.bias_ih = make([gates * hidden])
    this.bias_hh = make([gates * hidden])
  }
  protected weights(): RecurrentWeights {
    return {
      ih: this.weight_ih,
      hh: this.weight_hh,
      ...(this.bias_ih && this.bias_hh && { biasIh: this.bias_ih, biasHh: this.bias_hh }),
    }
  }
  protected first(x: Tensor): Tensor {
    return zeros([...x.shape.slice(0, -1), this.hiddenSize], { dtype: x.dtype, device: x.device as DeviceName })
  }
}

/** torch.nn.RNNCell: one step. */
export class RNNCell extends Cell {
  readonly nonlinearity: 'tanh' | 'relu'
  constructor(inputs: number, hidden: number, options: { bias?: boolean; nonlinearity?: 'tanh' | 'relu' } = {}) {
    super(1, inputs, hidden, options)
    this.nonlinearity = options.nonlinearity ?? 'tanh'
  }
  /** @param x [batch, inputs] */
  forward(x: Tensor, hidden = this.first(x)): Tensor {
    return rnnCell(x, hidden, this.weights(), this.nonlinearity)
  }
}
/** torch.nn.GRUCell: one step. */
export class GRUCell extends Cell {
  constructor(inputs: number, hidden: number, options: { bias?: boolean } = {}) {
    super(3, inputs, hidden, options)
  }
  /** @param x [batch, inputs] */
  forward(x: Tensor, hidden = this.first(x)): Tensor {
    return gruCell(x, hidden, this.weights())
  }
}
/** torch.nn.LSTMCell: one step. */
export class LSTMCell extends Cell {
  constructor(inputs: number, hidden: number, options: { bias?: boolean } = {}) {
    super(4, inputs, hidden, options)
  }
  /** @param x [batch, inputs]   @param state [hidden, cell] */
  forward(x: Tensor, state: readonly [Tensor, Tensor] = [this.first(x), this.first(x)]): [Tensor, Tensor] {
    return lstmCell(x, state, this.weights())
  }
}
