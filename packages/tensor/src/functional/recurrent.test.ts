// Recurrent layers against torch's values, and runs against their cells.

import { describe, expect, test } from 'vitest'
import { cat, type Tensor, tensor, zeros } from '../index.ts'
import { checkOp } from '../testing/check-op.ts'
import { expectClose, single } from '../testing/close.ts'
import { onEachDevice } from '../testing/devices.ts'
import { draw } from '../testing/random.ts'
import { torchCase } from '../testing/torch-cases.ts'
import { gru, gruCell, lstm, lstmCell, type RecurrentWeights, rnn, rnnCell } from './index.ts'

const weightsOf = ([ih, hh, biasIh, biasHh]: Tensor[]): RecurrentWeights => ({ ih, hh, biasIh, biasHh })
const sizes = (gates: number): number[][] => [[2, 3, 3], [gates * 2, 3], [gates * 2, 2], [gates * 2], [gates * 2]]

checkOp('lstm', (x, ...w) => lstm(x, [weightsOf(w)], { batchFirst: true }).output, {
  shapes: [sizes(4)],
  against: torchCase('lstm'),
})
checkOp('gru', (x, ...w) => gru(x, [weightsOf(w)], { batchFirst: true }).output, {
  shapes: [sizes(3)],
  against: torchCase('gru'),
})
checkOp('rnn', (x, ...w) => rnn(x, [weightsOf(w)]).output, { shapes: [sizes(1)] })
checkOp('rnn with relu', (x, ...w) => rnn(x, [weightsOf(w)], { activation: 'relu' }).hidden, { shapes: [sizes(1)] })
checkOp(
  'lstm with a projection, both states',
  (x, ih, hh, projection) => {
    const { hidden, cell } = lstm(x, [{ ih, hh, projection }])
    return cat([hidden, cell], -1)
  },
  {
    shapes: [
      [
        [2, 2, 3],
        [12, 3],
        [12, 2],
        [2, 3],
      ],
    ],
  },
)

describe('runs', () => {
  const from = draw('recurrent')
  const random = (...shape: number[]) =>
    tensor(
      Float32Array.from(
        from.many(
          shape.reduce((a, b) => a * b),
          -1,
          1,
        ),
      ),
      shape,
    )

  onEachDevice('layers and directions are cells, one after the other', async () => {
    const w = (input: number): RecurrentWeights => ({
      ih: random(8, input),
      hh: random(8, 2),
      biasIh: random(8),
      biasHh: random(8),
    })
    const weights = [w(3), w(3), w(4), w(4)]
    const x = random(3, 2, 3)
    const [h0, c0] = [random(4, 2, 2), random(4, 2, 2)]
    let layer: Tensor[] = [0, 1, 2].map(t => x.select(0, t))
    const hidden: Tensor[] = []
    const cells: Tensor[] = []
    for (let l = 0; l < 2; l++) {
      const ways = [0, 1].map(d => {
        let state: [Tensor, Tensor] = [h0.select(0, 2 * l + d), c0.select(0, 2 * l + d)]
        const out: Tensor[] = []
        for (const t of d ? [2, 1, 0] : [0, 1, 2]) {
          state = lstmCell(layer[t], state, weights[2 * l + d])
          out[t] = state[0]
        }
        hidden.push(state[0])
        cells.push(state[1])
        return out
      })
      layer = [0, 1, 2].map(t => cat([ways[0][t], ways[1][t]], -1))
    }
    const found = lstm(x, weights, { bidirectional: true, hidden: h0, cell: c0 })
    expect(found.output.shape).toEqual([3, 2, 4])
    expectClose(await found.output.select(0, 1).numbers(), await layer[1].numbers(), single, 'output')
    for (let i = 0; i < 4; i++) {
      expectClose(await found.hidden.select(0, i).numbers(), await hidden[i].numbers(), single, `hidden ${i}`)
      expectClose(await found.cell.select(0, i).numbers(), await cells[i].numbers(), single, `cell ${i}`)
    }
  })

  onEachDevice('a shorter sequence gives what it gives alone, in both directions', async () => {
    const w = (): RecurrentWeights => ({ ih: random(6, 3), hh: random(6, 2), biasIh: random(6), biasHh: random(6) })
    const weights = [w(), w()]
    const x = random(4, 2, 3)
    const both = gru(x, weights, { bidirectional: true, lengths: [4, 2] })
    const alone = gru(x.slice([0, 2], [1, 2]), weights, { bidirectional: true })
    expectClose(await both.output.slice([0, 2], 1).numbers(), await alone.output.numbers(), single, 'output')
    expect(await both.output.slice([2, 4], 1).abs().sum().item()).toBe(0)
    expectClose(await both.hidden.slice(null, 1).numbers(), await alone.hidden.numbers(), single, 'hidden')
  })

  onEachDevice('a sequence without a batch', async () => {
    const w = { ih: random(2, 3), hh: random(2, 2) }
    const x = random(3, 3)
    const out = rnn(x, [w])
    let h: Tensor = zeros([2])
    for (let t = 0; t < 3; t++) h = rnnCell(x.select(0, t), h, w)
    expect(out.output.shape).toEqual([3, 2])
    expectClose(await out.hidden.numbers(), await h.numbers(), single, 'hidden')
    const gated = { ih: random(6, 3), hh: random(6, 2) }
    expectClose(
      await gru(x.slice([0, 1]), [gated]).hidden.numbers(),
      await gruCell(x.select(0, 0), zeros([2]), gated).numbers(),
      single,
      'gru',
    )
  })
})

test('what does not fit is refused by name', () => {
  const w = { ih: zeros([8, 3]), hh: zeros([8, 2]) }
  expect(() => lstm(zeros([2, 1, 4]), [w])).toThrow('for an input of 4 features')
  expect(() => lstm(zeros([0, 1, 3]), [w])).toThrow('lstm: a sequence without steps has no result')
  expect(() => lstm(zeros([2, 1, 3]), [w], { bidirectional: true })).toThrow(
    'lstm: needs a pair of weights for each layer, got 1',
  )
})
