// Recurrent cells and their runs over sequences, with torch's gate order and weights: [gates * hidden, input]. A run is unrolled into the graph, so its
// derivative is that of its steps; what all steps need of the input is one product before them.

import { CairnError, listed, ShapeError } from '../errors.ts'
import { constantOf, hostTensor } from '../ops/build.ts'
import { cat, stack, unbind } from '../ops/movement.ts'
import { k } from '../ops/operand.ts'
import type { Tensor } from '../tensor.ts'

/** One direction of one layer. */
export interface RecurrentWeights {
  /** weight_ih: [gates * hidden, input] */
  readonly ih: Tensor
  /** weight_hh: [gates * hidden, hidden] (or the projection's size) */
  readonly hh: Tensor
  readonly biasIh?: Tensor
  readonly biasHh?: Tensor
  /** weight_hr of an LSTM with a projection: [projection, hidden] */
  readonly projection?: Tensor
}

export interface RecurrentOptions {
  /** [batch, time, features] in and out instead of [time, batch, features] */
  readonly batchFirst?: boolean
  /** weights come in pairs, forward and backward; results lie side by side */
  readonly bidirectional?: boolean
  /** the first hidden state [layers * directions, batch, hidden]; zeros when left out */
  readonly hidden?: Tensor
  /** the length of each sequence of the batch: steps after it leave the state alone and give zeros, as torch's packed sequences */
  readonly lengths?: readonly number[] | Tensor
  /** applied to what goes from layer to layer, e.g. dropout */
  readonly between?: (x: Tensor) => Tensor
}
export interface LstmOptions extends RecurrentOptions {
  /** the first cell state */
  readonly cell?: Tensor
}

/** The share of a step that only the input decides, and the state: what a cell works on. */
type Cell = (input: Tensor, state: readonly Tensor[], w: RecurrentWeights) => readonly Tensor[]

const projected = (x: Tensor, w: RecurrentWeights): Tensor => x.linear(w.ih, w.biasIh)

const lstmStep: Cell = (input, [h, c], w) => {
  const [i, f, g, o] = input.add(h.linear(w.hh, w.biasHh)).chunk(4, -1)
  const cell = f.sigmoid().mul(c).add(i.sigmoid().mul(g.tanh()))
  const hidden = o.sigmoid().mul(cell.tanh())
  return [w.projection ? hidden.linear(w.projection) : hidden, cell]
}

const gruStep: Cell = (input, [h], w) => {
  const [r, z, n] = input.chunk(3, -1)
  const [hr, hz, hn] = h.linear(w.hh, w.biasHh).chunk(3, -1)
  const next = n.add(r.add(hr).sigmoid().mul(hn)).tanh()
  return [next.add(z.add(hz).sigmoid().mul(h.sub(next)))]
}

const plainStep =
  (activation: 'tanh' | 'relu'): Cell =>
  (input, [h], w) => [input.add(h.linear(w.hh, w.biasHh))[activation]()]

function checkWeights(op: string, x: Tensor, w: RecurrentWeights, gates: number): void {
  const rows = w.ih.shape[0]
  if (
    w.ih.ndim !== 2 ||
    w.hh.ndim !== 2 ||
    rows % gates !== 0 ||
    w.hh.shape[0] !== rows ||
    w.ih.shape[1] !== x.shape[x.ndim - 1]
  )
    throw new ShapeError(
      op,
      `weights ${listed(w.ih.shape)} and ${listed(w.hh.shape)} are not [${gates} * hidden, input] and [${gates} * hidden, hidden] for an input of ${x.shape[x.ndim - 1]} features`,
    )
}

/** torch.lstm_cell: the next [hidden, cell]. @param x [batch, input] or [input]   @param state [hidden, cell] */
export function lstmCell(x: Tensor, state: readonly [Tensor, Tensor], weights: RecurrentWeights): [Tensor, Tensor] {
  checkWeights('lstmCell', x, weights, 4)
  const [h, c] = lstmStep(projected(x, weights), state, weights)
  return [h, c]
}
/** torch.gru_cell: the next hidden state. @param x [batch, input] or [input] */
export function gruCell(x: Tensor, hidden: Tensor, weights: RecurrentWeights): Tensor {
  checkWeights('gruCell', x, weights, 3)
  return gruStep(projected(x, weights), [hidden], weights)[0]
}
/** torch.rnn_tanh_cell, or rnn_relu_cell. */
export function rnnCell(
  x: Tensor,
  hidden: Tensor,
  weights: RecurrentWeights,
  activation: 'tanh' | 'relu' = 'tanh',
): Tensor {
  checkWeights('rnnCell', x, weights, 1)
  return plainStep(activation)(projected(x, weights), [hidden], weights)[0]
}

/** One layer in one direction: x [time, batch, input] to results of each step and the last state. */
function runLayer(
  step: Cell,
  x: Tensor,
  w: RecurrentWeights,
  first: readonly Tensor[],
  backwards: boolean,
  alive: readonly Tensor[] | null,
): { results: Tensor; state: readonly Tensor[] } {
  const inputs = unbind(projected(x, w), 0)
  const order = inputs.map((_, t) => (backwards ? inputs.length - 1 - t : t))
  const results = new Array<Tensor>(inputs.length)
  let state = first
  for (const t of order) {
    const next = step(inputs[t], state, w)
    results[t] = alive ? next[0].where(alive[t], k(0)) : next[0]
    state = alive ? next.map((s, i) => s.where(alive[t], state[i])) : next
  }
  return { results: stack(results, 0), state }
}

interface Run {
  readonly op: string
  readonly gates: number
  readonly step: Cell
  /** first states, one for each part of the state: [layers * directions, batch, size] */
  readonly states: readonly (Tensor | undefined)[]
}

function run(
  { op, gates, step, states }: Run,
  given: Tensor,
  weights: readonly RecurrentWeights[],
  options: RecurrentOptions,
) {
  if (given.ndim !== 2 && given.ndim !== 3)
    throw new ShapeError(op, 'needs [time, batch, features], or [time, features]', { shape: [...given.shape] })
  const single = given.ndim === 2
  let x = single ? given.unsqueeze(1) : options.batchFirst ? given.transpose(0, 1) : given
  const [time, batch] = x.shape
  if (time === 0) throw new ShapeError(op, 'a sequence without steps has no result', { shape: [...given.shape] })
  const directions = options.bidirectional ? 2 : 1
  if (weights.length === 0 || weights.length % directions !== 0)
    throw new CairnError(
      op,
      `needs ${directions === 2 ? 'a pair of weights' : 'weights'} for each layer, got ${weights.length}`,
    )
  const alive = options.lengths === undefined ? null : stepsAlive(op, options.lengths, x)
  const firsts = states.map(s => s && unbind(single ? s.unsqueeze(1) : s, 0))
  for (const s of firsts)
    if (s && s.length !== weights.length)
      throw new ShapeError(op, `the first state needs ${weights.length} layers and directions, got ${s.length}`)
  const last: Tensor[][] = states.map(() => [])
  for (let layer = 0; layer < weights.length; layer += directions) {
    if (layer > 0 && options.between) x = options.between(x)
    const parts = Array.from({ length: directions }, (_, d) => {
      const w = weights[layer + d]
      checkWeights(op, x, w, gates)
      const first = states.map((_, i) => {
        const size = i === 0 ? w.hh.shape[1] : w.hh.shape[0] / gates
        return firsts[i]?.[layer + d] ?? constantOf(0, x.dtype, x.engine).expand([batch, size])
      })
      const { results, state } = runLayer(step, x, w, first, d === 1, alive)
      for (const [i, s] of state.entries()) last[i].push(s)
      return results
    })
    x = cat(parts, -1)
  }
  const output = single ? x.squeeze(1) : options.batchFirst ? x.transpose(0, 1) : x
  return { output, state: last.map(s => (single ? stack(s, 0).squeeze(1) : stack(s, 0))) }
}

/** For each step which sequences it belongs to: [batch, 1]. */
function stepsAlive(op: string, lengths: readonly number[] | Tensor, x: Tensor): Tensor[] {
  const [time, batch] = x.shape
  const count = Array.isArray(lengths) ? lengths.length : (lengths as Tensor).size
  if (count !== batch) throw new ShapeError(op, `${count} lengths for a batch of ${batch}`)
  const all = Array.isArray(lengths) ? hostTensor(lengths, [batch], 'i32', x) : (lengths as Tensor).to('i32')
  const column = all.reshape([batch, 1])
  return Array.from({ length: time }, (_, t) => column.gt(t))
}

/**
 * torch.nn.LSTM as a function: stacked, and in both directions if asked.
 * @param x [time, batch, features], with `batchFirst` [batch, time, features], or [time, features]
 * @param weights layer by layer, forward before backward
 * @returns the results of the last layer for each step, and the last states [layers * directions, batch, hidden]
 */
export function lstm(
  x: Tensor,
  weights: readonly RecurrentWeights[],
  options: LstmOptions = {},
): { output: Tensor; hidden: Tensor; cell: Tensor } {
  const { output, state } = run(
    { op: 'lstm', gates: 4, step: lstmStep, states: [options.hidden, options.cell] },
    x,
    weights,
    options,
  )
  return { output, hidden: state[0], cell: state[1] }
}

/** torch.nn.GRU as a function; see `lstm`. */
export function gru(
  x: Tensor,
  weights: readonly RecurrentWeights[],
  options: RecurrentOptions = {},
): { output: Tensor; hidden: Tensor } {
  const { output, state } = run({ op: 'gru', gates: 3, step: gruStep, states: [options.hidden] }, x, weights, options)
  return { output, hidden: state[0] }
}

/** torch.nn.RNN as a function; see `lstm`. */
export function rnn(
  x: Tensor,
  weights: readonly RecurrentWeights[],
  options: RecurrentOptions & { readonly activation?: 'tanh' | 'relu' } = {},
): { output: Tensor; hidden: Tensor } {
  const step = plainStep(options.activation ?? 'tanh')
  const { output, state } = run({ op: 'rnn', gates: 1, step, states: [options.hidden] }, x, weights, options)
  return { output, hidden: state[0] }
}
