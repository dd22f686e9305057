// RNN, GRU and LSTM in ONNX's order of gates (z r h; i o f c), with peepholes. https://onnx.ai/onnx/operators/onnx__LSTM.html
import { scan, stack, type Tensor, where, zeros } from '@cairn/tensor'
import { type Call, type Op, range } from '../call.ts'
import { Unsupported } from '../elements.ts'

const activations: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  Sigmoid: x => x.sigmoid(),
  Tanh: x => x.tanh(),
  Relu: x => x.relu(),
}
type Activation = (x: Tensor) => Tensor

/** The weights of one direction. */
interface Weights {
  /** [gates * hidden, input] and [gates * hidden, hidden] */
  readonly w: Tensor
  readonly r: Tensor
  /** of the input's and of the state's share, [gates * hidden] */
  readonly wb: Tensor
  readonly rb: Tensor
  /** [3 * hidden], of i, o and f */
  readonly peepholes?: Tensor
}
/** One step: the input's share [batch, gates * hidden] and the state to the next state. */
type Step = (input: Tensor, state: readonly Tensor[], weights: Weights) => readonly Tensor[]

interface Cell {
  readonly gates: number
  /** initial values of the parts of the state: at which input they are */
  readonly states: readonly number[]
  readonly defaults: readonly string[]
  readonly step: (call: Call, f: readonly Activation[]) => Step
}

const rnn: Cell = {
  gates: 1,
  states: [5],
  defaults: ['Tanh'],
  step:
    (_, [f]) =>
    (input, [h], { r, rb }) => [f(input.add(h.linear(r, rb)))],
}

const gru: Cell = {
  gates: 3,
  states: [5],
  defaults: ['Sigmoid', 'Tanh'],
  step: (call, [f, g]) => {
    const late = call.flag('linear_before_reset')
    return (input, [h], { r, rb }) => {
      const [xz, xr, xh] = input.chunk(3, -1)
      const [rz, rr, rh] = r.chunk(3, 0)
      const [bz, br, bh] = rb.chunk(3, 0)
      const z = f(xz.add(h.linear(rz, bz)))
      const reset = f(xr.add(h.linear(rr, br)))
      const hidden = g(xh.add(late ? reset.mul(h.linear(rh, bh)) : reset.mul(h).linear(rh, bh)))
      return [hidden.add(z.mul(h.sub(hidden)))]
    }
  },
}

const lstm: Cell = {
  gates: 4,
  states: [5, 6],
  defaults: ['Sigmoid', 'Tanh', 'Tanh'],
  step: (call, [f, g, h]) => {
    const coupled = call.flag('input_forget')
    return (input, [hidden, cell], { r, rb, peepholes }) => {
      const [xi, xo, xf, xc] = input.add(hidden.linear(r, rb)).chunk(4, -1)
      const [pi, po, pf] = peepholes ? peepholes.chunk(3, 0) : []
      const seen = (x: Tensor, c: Tensor, p: Tensor | undefined): Tensor => (p ? x.add(c.mul(p)) : x)
      const i = f(seen(xi, cell, pi))
      const forget = coupled ? i.neg().add(1) : f(seen(xf, cell, pf))
      const next = forget.mul(cell).add(i.mul(g(xc)))
      return [f(seen(xo, next, po)).mul(h(next)), next]
    }
  },
}

/** x [time, batch, input] */
const run =
  (cell: Cell): Op =>
  call => {
    const batchFirst = call.flag('layout')
    const x = batchFirst ? call.x.transpose(0, 1) : call.x
    const [time, batch] = x.shape
    const size = call.int('hidden_size', call.input(2).shape[2])
    const direction = call.text('direction', 'forward')
    const directions = direction === 'bidirectional' ? 2 : 1
    const names = call.texts('activations') ?? range(directions).flatMap(() => cell.defaults)
    for (const name of ['clip', 'activation_alpha', 'activation_beta'])
      if (call.has(name)) throw new Unsupported(`${call.op} with ${name}`)
    const lengths = call.inputs[4]?.to('i32').unsqueeze(1)
    const lasts: Tensor[][] = cell.states.map(() => [])
    const results = range(directions).map(d => {
      const own = names.slice(d * cell.defaults.length, (d + 1) * cell.defaults.length)
      const known = own.map(name => {
        if (!activations[name]) throw new Unsupported(`${call.op} with ${name}`)
        return activations[name]
      })
      const step = cell.step(call, known)
      const bias = call.inputs[3]?.select(0, d) ?? zeros([2 * cell.gates * size], { dtype: x.dtype })
      const [wb, rb] = bias.chunk(2, 0)
      const weights: Weights = {
        w: call.input(1).select(0, d),
        r: call.input(2).select(0, d),
        wb,
        rb,
        ...(call.inputs[7] && { peepholes: call.inputs[7].select(0, d) }),
      }
      const first = cell.states.map(i => {
        const given = call.inputs[i]
        if (!given) return zeros([batch, size], { dtype: x.dtype })
        return batchFirst ? given.select(1, d) : given.select(0, d)
      })
      const backwards = direction === 'reverse' || d === 1
      const shares = x.linear(weights.w, weights.wb)
      let t = backwards ? time : -1
      const [last, [all]] = scan(
        (state: readonly Tensor[], [share]) => {
          t += backwards ? -1 : 1
          const next = step(share, state, weights)
          if (!lengths) return [next, [next[0]]]
          const alive = lengths.gt(t)
          return [next.map((s, i) => where(alive, s, state[i])), [where(alive, next[0], 0)]]
        },
        first,
        [shares],
        { reverse: backwards },
      )
      for (const [i, s] of last.entries()) lasts[i].push(s)
      return all // [time, batch, hidden]
    })
    const y = stack(results, 1) // [time, directions, batch, hidden]
    const states = lasts.map(parts => stack(parts, batchFirst ? 1 : 0))
    return [batchFirst ? y.permute([2, 0, 1, 3]) : y, ...states]
  }

export const recurrent: Readonly<Record<string, Op>> = { RNN: run(rnn), GRU: run(gru), LSTM: run(lstm) }
