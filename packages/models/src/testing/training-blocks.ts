// Parts of random models: what shape each takes and gives (without the batch), and the module. Among them are some that nobody would write
// twice, since those are what a remembered pass could get wrong: constants that move, derivatives of one's own, history that is cut.

import {
  AvgPool2d,
  BatchNorm1d,
  BatchNorm2d,
  Bilinear,
  Conv1d,
  Conv2d,
  ConvTranspose2d,
  Dropout,
  Dropout2d,
  GLU,
  GRU,
  GRUCell,
  GroupNorm,
  InstanceNorm2d,
  type Layer,
  LayerNorm,
  LearnedPositions,
  Linear,
  LSTM,
  LSTMCell,
  MaxPool2d,
  MixtureOfExperts,
  Module,
  MultiheadAttention,
  PReLU,
  RMSNorm,
  RNNCell,
  TransformerEncoderLayer,
  Upsample,
} from '@cairn/nn'
import { checkpoint, customGradient, customOp, noGrad, type Tensor } from '@cairn/tensor'

export type Shape = readonly number[]

/** A part of a model: its kind and the numbers that it was made with. */
export interface Block {
  readonly kind: string
  readonly numbers: readonly number[]
}

interface Kind {
  /** the shape that comes out; null where it does not fit */
  readonly shape: (shape: Shape, numbers: readonly number[]) => Shape | null
  readonly make: (shape: Shape, numbers: readonly number[], earlier: readonly Module[]) => Layer
}

/** A layer of a function. */
class Applied extends Module {
  readonly #run: (x: Tensor) => Tensor
  constructor(run: (x: Tensor) => Tensor) {
    super()
    this.#run = run
  }
  forward(x: Tensor): Tensor {
    return this.#run(x)
  }
}

/** Numbers that stand in the graph as data and as structure; an event moves them (`turn`). */
export class Turning extends Module {
  turns = 0
  forward(x: Tensor): Tensor {
    const n = this.turns
    const y = x.mul(1 + 0.1 * n).leakyRelu(0.1 * (n % 3))
    const z = y.roll(n % 2, -1).clamp(-2 - (n % 2), 3)
    return z
      .tanh()
      .add(2)
      .pow(1 + (n % 4) / 2)
  }
}

/** A derivative that reads what the graph does not show. */
export class Steered extends Module {
  turns = 0
  forward(x: Tensor): Tensor {
    return customGradient((y: Tensor) => [y.mul(1), g => [g.mul(1 + this.turns)]])(x)
  }
}

const squares = customOp({
  name: 'squares',
  inputs: ['x'],
  infer: (x: { readonly shape: Shape; readonly dtype: 'f32' }) => x,
  wgsl: 'fn kernel(i: u32) { out[i] = x[i] * x[i]; }',
  fallback: (x: Tensor) => x.mul(x),
} as never) as (x: Tensor) => Tensor

class Around extends Module {
  readonly inner: Layer
  readonly #run: (inner: Layer, x: Tensor) => Tensor
  constructor(inner: Layer, run: (inner: Layer, x: Tensor) => Tensor) {
    super()
    this.inner = inner
    this.#run = run
  }
  forward(x: Tensor): Tensor {
    return this.#run(this.inner, x)
  }
}

class Cells extends Module {
  readonly cell: RNNCell | GRUCell | LSTMCell
  constructor(cell: RNNCell | GRUCell | LSTMCell) {
    super()
    this.cell = cell
  }
  forward(x: Tensor): Tensor {
    const { cell } = this
    let state: Tensor | [Tensor, Tensor] | undefined
    for (let t = 0; t < x.shape[1]; t++) {
      const at = x.select(1, t)
      state = cell instanceof LSTMCell ? cell.forward(at, state as [Tensor, Tensor]) : cell.forward(at, state as Tensor)
    }
    return Array.isArray(state) ? state[0] : state!
  }
}

const same = (shape: Shape): Shape => shape
const rank =
  (n: number) =>
  (shape: Shape): Shape | null =>
    shape.length === n ? shape : null
const last = (shape: Shape): number => shape[shape.length - 1]
const widths = (n: number): number => 2 + (n % 4)
const linear = (width: number): Layer => new Linear(width, width)

const activations: readonly ((x: Tensor) => Tensor)[] = [
  x => x.relu(),
  x => x.gelu(),
  x => x.gelu({ approximate: 'tanh' }),
  x => x.silu(),
  x => x.softplus(),
  x => x.elu(0.7),
  x => x.mish(),
  x => x.softmax(-1),
  x => x.logSoftmax(-1),
  x => x.sigmoid().mul(x),
  x => x.cumsum(-1).tanh(),
  x => x.sort(-1)[0],
  x => x.tanh().flip(-1),
  x => x.abs().add(1).log(),
  x => x.maximum(x.mean(-1, { keepDim: true })),
  x => x.hypot(x.sin().add(2)),
]

/** A recurrence along the first axis. */
const overTime = (Recurrence: typeof GRU | typeof LSTM): Kind => ({
  shape: (s, [n]) => (s.length === 2 ? [s[0], widths(n)] : null),
  make: (s, [n]) =>
    new Around(
      new Recurrence(s[1], widths(n), { batchFirst: true }) as never,
      (m, x) => (m as never as GRU | LSTM).forward(x).output,
    ),
})

export const kinds: Readonly<Record<string, Kind>> = {
  linear: {
    shape: (s, [n]) => (s.length <= 2 ? [...s.slice(0, -1), widths(n)] : null),
    make: (s, [n, m]) => new Linear(last(s), widths(n), { bias: m % 3 > 0 }),
  },
  // the weights of an earlier layer, or its own twice
  tied: {
    shape: s => (s.length <= 2 ? s : null),
    make: (s, _, earlier) => {
      const layer = new Linear(last(s), last(s))
      const like = earlier.find(
        m => m instanceof Linear && m.weight.shape[0] === last(s) && m.weight.shape[1] === last(s),
      )
      if (like) layer.weight = (like as Linear).weight
      return new Around(layer, (inner, x) => inner.forward(inner.forward(x).tanh()))
    },
  },
  residual: {
    shape: s => (s.length <= 2 ? s : null),
    make: s => new Around(linear(last(s)), (inner, x) => x.add(inner.forward(x).gelu())),
  },
  bilinear: {
    shape: rank(1),
    make: s =>
      new Around(new Bilinear(s[0], s[0], s[0]) as never, (m, x) => (m as never as Bilinear).forward(x, x.tanh())),
  },
  activation: { shape: same, make: (_, [n]) => new Applied(activations[n % activations.length]) },
  prelu: { shape: same, make: () => new PReLU() },
  glu: {
    shape: s => (last(s) % 2 === 0 && last(s) > 2 ? [...s.slice(0, -1), last(s) / 2] : null),
    make: () => new GLU(),
  },
  layerNorm: { shape: same, make: s => new LayerNorm(last(s)) },
  rmsNorm: { shape: same, make: s => new RMSNorm(last(s)) },
  batchNorm1d: { shape: rank(1), make: (s, [n]) => new BatchNorm1d(s[0], n % 3 === 0 ? { momentum: null } : {}) },
  batchNorm2d: { shape: rank(3), make: s => new BatchNorm2d(s[0]) },
  groupNorm: { shape: rank(3), make: s => new GroupNorm(s[0] % 2 === 0 ? 2 : 1, s[0]) },
  instanceNorm: {
    shape: rank(3),
    make: (s, [n]) => new InstanceNorm2d(s[0], { affine: n % 2 === 0, trackRunningStats: n % 3 === 0 }),
  },
  dropout: { shape: same, make: (_, [n]) => new Dropout(0.1 + 0.1 * (n % 5)) },
  dropout2d: { shape: rank(3), make: () => new Dropout2d(0.3) },
  conv1d: {
    shape: (s, [n]) => (s.length === 2 && s[0] > 2 ? [s[0], widths(n)] : null),
    make: (s, [n, m]) => {
      const conv = new Conv1d(last(s), widths(n), 3, { padding: 1 + (m % 2), dilation: 1 + (m % 2) })
      return new Around(conv, (inner, x) => inner.forward(x.transpose(1, 2)).transpose(1, 2))
    },
  },
  conv2d: {
    shape: (s, [n, m]) =>
      s.length === 3 && last(s) > 2 && s[1] > 2
        ? [2 * (1 + (n % 2)), ...s.slice(1).map(d => Math.floor((d - 1) / (1 + (m % 2))) + 1)]
        : null,
    make: (s, [n, m]) =>
      new Conv2d(s[0], 2 * (1 + (n % 2)), 3, {
        padding: 1,
        stride: 1 + (m % 2),
        groups: s[0] % 2 === 0 && n % 3 === 0 ? 2 : 1,
      }),
  },
  convTranspose2d: {
    shape: s => (s.length === 3 && last(s) < 6 ? [2, s[1] + 1, s[2] + 1] : null),
    make: s => new ConvTranspose2d(s[0], 2, 2),
  },
  maxPool: {
    shape: s => (s.length === 3 && last(s) > 3 && s[1] > 3 ? [s[0], s[1] >> 1, s[2] >> 1] : null),
    make: () => new MaxPool2d(2),
  },
  avgPool: {
    shape: s => (s.length === 3 && last(s) > 3 && s[1] > 3 ? [s[0], s[1] >> 1, s[2] >> 1] : null),
    make: () => new AvgPool2d(2),
  },
  upsample: {
    shape: s => (s.length === 3 && last(s) < 4 ? [s[0], s[1] * 2, s[2] * 2] : null),
    make: (_, [n]) => new Upsample({ scaleFactor: 2, mode: n % 2 ? 'nearest' : 'bilinear' } as never),
  },
  attention: {
    shape: s => (s.length === 2 && s[1] % 2 === 0 ? s : null),
    make: (s, [n]) =>
      new Around(new MultiheadAttention(s[1], 2, { dropout: n % 3 ? 0 : 0.2 }), (inner, x) =>
        (inner as never as MultiheadAttention).forward(x, x, x, { causal: n % 2 === 0 } as never),
      ),
  },
  transformer: {
    shape: s => (s.length === 2 && s[1] % 2 === 0 ? s : null),
    make: (s, [n]) =>
      new TransformerEncoderLayer(s[1], 2, { feedForward: 5, dropout: n % 2 ? 0 : 0.1, normFirst: n % 3 === 0 }),
  },
  positions: { shape: rank(2), make: s => new LearnedPositions(s[0], s[1]) },
  experts: { shape: rank(2), make: s => new MixtureOfExperts(s[1], 3, () => new Linear(s[1], s[1]), { topK: 2 }) },
  gru: overTime(GRU),
  lstm: overTime(LSTM),
  cells: {
    shape: (s, [n]) => (s.length === 2 ? [widths(n)] : null),
    make: (s, [n, m]) => new Cells(new [RNNCell, GRUCell, LSTMCell][m % 3](s[1], widths(n))),
  },
  mean: { shape: s => (s.length === 2 ? [s[1]] : null), make: () => new Applied(x => x.mean(1)) },
  lastStep: { shape: s => (s.length === 2 ? [s[1]] : null), make: () => new Applied(x => x.select(1, -1)) },
  flatten: {
    shape: s => (s.length > 1 ? [s.reduce((a, b) => a * b, 1)] : null),
    make: () => new Applied(x => x.flatten(1)),
  },
  rows: { shape: s => (s.length === 3 ? [s[0] * s[1], s[2]] : null), make: () => new Applied(x => x.flatten(1, 2)) },
  turning: { shape: same, make: () => new Turning() },
  steered: { shape: same, make: () => new Steered() },
  checkpointed: {
    shape: s => (s.length <= 2 ? s : null),
    make: s => new Around(linear(last(s)), (inner, x) => checkpoint((y: Tensor) => inner.forward(y).tanh(), x)),
  },
  withoutGradient: {
    shape: s => (s.length <= 2 ? s : null),
    make: s => new Around(linear(last(s)), (inner, x) => x.add(noGrad(() => inner.forward(x)).mul(0.5))),
  },
  detached: { shape: same, make: () => new Applied(x => x.mul(x.detach().sigmoid())) },
  custom: { shape: same, make: () => new Applied(x => (x.dtype === 'f32' ? squares(x.tanh()) : x.tanh().square())) },
  centred: {
    shape: same,
    make: () =>
      new Applied(x =>
        x.sub(x.mean(-1, { keepDim: true })).div(x.var(-1, { keepDim: true, correction: 0 }).add(0.5).sqrt()),
      ),
  },
}

/** The shapes between the parts, from what goes in to what comes out; null where one does not fit. */
export function shapesOf(input: Shape, blocks: readonly Block[]): Shape[] | null {
  const shapes: Shape[] = [input]
  for (const { kind, numbers } of blocks) {
    const next = kinds[kind].shape(shapes[shapes.length - 1], numbers)
    if (!next || next.reduce((a, b) => a * b, 1) > 400) return null
    shapes.push(next)
  }
  return shapes
}
