// Training loops that go on for long, each with something that is another at every step: what they must not leave behind is measured.

import {
  BatchNorm1d,
  crossEntropy,
  Dropout,
  Embedding,
  GRU,
  LayerNorm,
  Linear,
  Module,
  registerBackwardHook,
} from '@cairn/nn'
import { AdamW, clipGradNorm, SGD } from '@cairn/optim'
import { checkpoint, customGradient, jit, rand, step, type Tensor, tensor } from '@cairn/tensor'

class Net extends Module {
  first = new Linear(6, 8)
  norm = new BatchNorm1d(8)
  rows = new LayerNorm(8)
  drop = new Dropout(0.1)
  last = new Linear(8, 3)
  forward(x: Tensor): Tensor {
    return this.last.forward(this.drop.forward(this.rows.forward(this.norm.forward(this.first.forward(x))).gelu()))
  }
}
class Sequence extends Module {
  gru = new GRU(6, 4, { batchFirst: true })
  last = new Linear(4, 3)
  forward(x: Tensor): Tensor {
    return this.last.forward(this.gru.forward(x).output.mean(1))
  }
}
class Bag extends Module {
  table = new Embedding(20, 4, { sparse: true })
  last = new Linear(4, 3)
  forward(ids: Tensor): Tensor {
    return this.last.forward(this.table.forward(ids).mean(1))
  }
}

const targets = (n: number): Tensor =>
  tensor(
    Int32Array.from({ length: n }, (_, i) => i % 3),
    [n],
  )

function back(loss: Tensor, opt: AdamW | SGD): Tensor {
  opt.zeroGrad()
  loss.backward()
  return loss
}

/** A model, and a step of it. */
export interface Loop {
  readonly net: Module
  readonly run: (i: number) => Promise<unknown>
}

const withNet = (run: (net: Net, opt: AdamW, i: number) => Promise<unknown>) => (): Loop => {
  const net = new Net()
  const opt = new AdamW(net.parameters(), { lr: 0.01 })
  return { net, run: i => run(net, opt, i) }
}
const loss = (net: Net, rows = 4, f = (t: Tensor): Tensor => t): Tensor =>
  crossEntropy(f(net.forward(rand([rows, 6]))), targets(rows))

export const loops: Readonly<Record<string, () => Loop>> = {
  'one after another': withNet((net, opt) => {
    back(loss(net), opt)
    return opt.step()
  }),
  'batches of many sizes': withNet((net, opt, i) => {
    back(loss(net, 2 + (i % 300)), opt)
    return opt.step()
  }),
  'other sizes and numbers in the graph': withNet((net, opt, i) => {
    const moved = (t: Tensor): Tensor =>
      t
        .mul(1 + i)
        .roll(i % 3, 1)
        .pad([
          [0, 0],
          [0, i % 700],
        ])
        .narrow(1, 0, 3)
    back(loss(net, 4, moved), opt)
    return opt.step()
  }),
  'graphs of many depths': withNet((net, opt, i) => {
    const deep = (t: Tensor): Tensor => Array.from({ length: i % 40 }).reduce((at: Tensor) => at.add(at.tanh()), t)
    back(loss(net, 4, deep), opt)
    return opt.step()
  }),
  'an option that moves': withNet((net, opt, i) => {
    opt.groups[0].eps = 1e-8 * (1 + i)
    back(loss(net), opt)
    return opt.step()
  }),
  'a layer that is replaced': withNet((net, opt) => {
    net.first = new Linear(6, 8)
    opt.groups[0].params = net.parameters()
    back(loss(net), opt)
    return opt.step()
  }),
  'a step that throws half way': withNet(async (net, opt, i) => {
    back(loss(net), opt)
    if (i % 2) return
    return opt.step()
  }),
  'a clipped step with a hook': withNet((net, opt) => {
    const unhook = registerBackwardHook(net.norm, (_, g) => g.mul(0.5))
    back(loss(net), opt)
    unhook()
    clipGradNorm(net.parameters(), 1)
    return opt.step()
  }),
  'a checkpoint and a derivative of its own': withNet((net, opt, i) => {
    const scaled = customGradient((x: Tensor) => [x.mul(1), g => [g.mul(1 + i)]])
    back(
      loss(net, 4, t => scaled(checkpoint((x: Tensor) => x.tanh().mul(2), t))),
      opt,
    )
    return opt.step()
  }),
  'sequences of many lengths': () => {
    const net = new Sequence()
    const opt = new AdamW(net.parameters(), { lr: 0.01 })
    const run = (i: number): Promise<void> => {
      back(crossEntropy(net.forward(rand([2, 1 + (i % 20), 6])), targets(2)), opt)
      return opt.step()
    }
    return { net, run }
  },
  'rows of a table': () => {
    const net = new Bag()
    const opt = new SGD(net.parameters(), { lr: 0.1 })
    const run = (i: number): Promise<void> => {
      const ids = Int32Array.from({ length: 2 * (1 + (i % 7)) }, (_, k) => (i + k) % 20)
      back(crossEntropy(net.forward(tensor(ids, [2, ids.length / 2])), targets(2)), opt)
      return opt.step()
    }
    return { net, run }
  },
  'a new model each time': withNet(async () => {
    const net = new Net()
    const opt = new AdamW(net.parameters(), { lr: 0.01 })
    for (let k = 0; k < 2; k++) {
      back(loss(net), opt)
      await opt.step()
    }
  }),
  'a jitted step': () => {
    const net = new Net()
    const opt = new AdamW(net.parameters(), { lr: 0.01 })
    const train = jit((x: Tensor, y: Tensor) => {
      const out = back(crossEntropy(net.forward(x), y), opt)
      opt.step()
      return out
    })
    const run = (i: number): Promise<void> => {
      const rows = 2 + (i % 50)
      if (i % 20 === 0) opt.groups[0].eps = 1e-8 * (1 + i)
      return step([train(rand([rows, 6]), targets(rows))])
    }
    return { net, run }
  },
  'a new jitted function each time': withNet(async (net, opt) => {
    const train = jit((x: Tensor, y: Tensor) => {
      const out = back(crossEntropy(net.forward(x), y), opt)
      opt.step()
      return out
    })
    for (let k = 0; k < 4; k++) await step([train(rand([4, 6]), targets(4))])
  }),
}
