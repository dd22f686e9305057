// Runs a training program and writes down all that it leaves: losses, parameters, gradients, buffers, states of the optimizers, and errors.

import {
  bceWithLogits,
  crossEntropy,
  Embedding,
  huberLoss,
  type Layer,
  Linear,
  l1Loss,
  Module,
  mseLoss,
  nllLoss,
  parameter,
  registerBackwardHook,
  registerForwardHook,
  smoothL1Loss,
} from '@cairn/nn'
import {
  Adadelta,
  Adafactor,
  Adagrad,
  Adam,
  Adam8bit,
  Adamax,
  AdamW,
  clipGradAdaptive,
  clipGradNorm,
  clipGradValue,
  EMA,
  GradScaler,
  type GroupOptions,
  LAMB,
  Lion,
  Lookahead,
  Muon,
  NAdam,
  type Optimizer,
  RAdam,
  RMSprop,
  SAM,
  SGD,
  Sophia,
  SWA,
} from '@cairn/optim'
import {
  customGradient,
  grad,
  jit,
  manualSeed,
  noGrad,
  readAll,
  realize,
  step as runStep,
  sparseRows,
  type Tensor,
  tensor,
} from '@cairn/tensor'
import { draw } from '../../../tensor/src/testing/random.ts'
import { kinds, Steered, shapesOf, Turning } from './training-blocks.ts'
import type { Event, ModelSpec, TrainingProgram, Way } from './training-programs.ts'

const classes = 3
const vocabulary = 5

class Net extends Module {
  emb: Embedding | null = null
  blocks: Layer[] = []
  head: Linear
  /** values before the head */
  #hidden: Tensor | null = null

  constructor(spec: ModelSpec) {
    super()
    const shapes = shapesOf(spec.shape, spec.blocks)!
    if (spec.input === 'tokens')
      this.emb = new Embedding(vocabulary, spec.shape[1], {
        ...(spec.table === 'sparse' && { sparse: true }),
        ...(spec.table === 'padded' && { paddingIdx: 1 }),
      })
    spec.blocks.forEach(({ kind, numbers }, i) => {
      const earlier = [...this.modules()]
      this.blocks.push(kinds[kind].make(shapes[i], numbers, earlier))
    })
    const out = shapes[shapes.length - 1]
    const width = out[out.length - 1]
    this.head = new Linear(width, classes)
    if (spec.table === 'tied' && this.emb && width === spec.shape[1]) {
      this.head = new Linear(width, vocabulary)
      this.head.weight = this.emb.weight
    }
  }
  get hidden(): Tensor | null {
    return this.#hidden
  }
  forward(x: Tensor): Tensor {
    let y = this.emb ? this.emb.forward(x) : x
    for (const block of this.blocks) y = block.forward(y)
    while (y.ndim > 2) y = y.mean(1)
    this.#hidden = y
    const logits = this.head.forward(y)
    return logits.shape[1] === classes ? logits : logits.narrow(1, 0, classes)
  }
}

type Losses = (logits: Tensor, targets: Tensor, values: Tensor) => Tensor
const losses: readonly Losses[] = [
  (x, t) => crossEntropy(x, t),
  (x, t) => crossEntropy(x, t, { labelSmoothing: 0.1 }),
  (x, t) => nllLoss(x.logSoftmax(-1), t),
  (x, _, v) => mseLoss(x, v),
  (x, _, v) => huberLoss(x, v, { delta: 0.3 }),
  (x, _, v) => smoothL1Loss(x, v),
  (x, _, v) => l1Loss(x, v),
  (x, _, v) => bceWithLogits(x, v.sigmoid()),
  x => x.square().mean(),
  (x, t) => crossEntropy(x, t, { reduction: 'none' }).mul(0.3).sum(),
]

type Made = Optimizer<GroupOptions>
type Grouped = { params: Tensor[]; lr?: number; weightDecay?: number }[]
const as = (opt: unknown): Made => opt as Made
/** Rates and eps such that noise stays noise. */
const optimizers: ((g: Grouped) => Made)[] = [
  g => as(new SGD(g, { lr: 0.05 })),
  g => as(new SGD(g, { lr: 0.05, momentum: 0.9 })),
  g => as(new SGD(g, { lr: 0.03, momentum: 0.9, nesterov: true, weightDecay: 0.01 })),
  g => as(new SGD(g, { lr: 0.03, momentum: 0.9, dampening: 0.1 })),
  g => as(new AdamW(g, { lr: 0.01, eps: 1e-3 })),
  g => as(new Adam(g, { lr: 0.01, eps: 1e-3, weightDecay: 0.01 })),
  g => as(new Adam(g, { lr: 0.01, eps: 1e-3, amsgrad: true })),
  g => as(new Adamax(g, { lr: 0.01, eps: 1e-3 })),
  g => as(new NAdam(g, { lr: 0.01, eps: 1e-3 })),
  g => as(new RAdam(g, { lr: 0.01, eps: 1e-3 })),
  g => as(new RMSprop(g, { lr: 0.01, eps: 1e-3, momentum: 0.5, centered: true })),
  g => as(new RMSprop(g, { lr: 0.01, eps: 1e-3 })),
  g => as(new Adagrad(g, { lr: 0.02, eps: 1e-3, lrDecay: 0.1 })),
  g => as(new Adadelta(g, { lr: 0.5, eps: 1e-3 })),
  g => as(new Adafactor(g, { lr: 0.01 })),
  g => as(new LAMB(g, { lr: 0.01, eps: 1e-3 })),
  g => as(new Lion(g, { lr: 0.001 })),
  g => as(new Sophia(g, { lr: 0.01 })),
  g => as(new Adam8bit(g, { lr: 0.01, eps: 1e-3, min8bitSize: 8, blockSize: 8 } as never)),
]
/** where Muon takes the matrices */
const besideMuon = optimizers.length
optimizers.push(optimizers[4])
/** for tables whose gradients are rows */
const sparseOptimizers = [optimizers[0], optimizers[12]]

/** A model with all that trains it. */
class World {
  readonly spec: ModelSpec
  readonly net: Net
  readonly opts: Made[]
  readonly scaler: GradScaler | null
  readonly average: EMA | SWA | null
  readonly lookahead: Lookahead | null
  readonly sam: SAM | null
  kept: Tensor | null = null
  lossKept: Tensor | null = null
  readonly unhook: (() => void)[] = []
  readonly hooked = { factor: 1 }

  constructor(spec: ModelSpec) {
    this.spec = spec
    this.net = new Net(spec)
    if (spec.dtype !== 'f32') this.net.to(spec.dtype)
    const params = this.net.parameters()
    const sparse = this.net.emb?.options.sparse === true
    const list = sparse ? sparseOptimizers : optimizers
    const make = list[spec.optimizer % list.length]
    const grouped = (all: readonly Tensor[]): Grouped =>
      Array.from({ length: Math.min(spec.groups, all.length) }, (_, i) => ({
        params: all.filter((_, j) => j % spec.groups === i),
        ...(i > 0 && { lr: 0.01 * i }),
      }))
    const matrices = params.filter(p => p.ndim === 2)
    const apart = spec.optimizer === besideMuon && !sparse && matrices.length > 0
    this.opts = apart
      ? [as(new Muon(grouped(matrices), { lr: 0.01, eps: 1e-2 })), make(grouped(params.filter(p => p.ndim !== 2)))]
      : [make(grouped(params))]
    if (apart && this.opts[1].groups.length === 0) this.opts.pop()
    this.scaler = spec.around === 'scaler' ? new GradScaler({ initial: 4, growthInterval: 2 }) : null
    this.average =
      spec.around === 'average' ? (spec.optimizer % 2 ? new SWA(params) : new EMA(params, { decay: 0.9 })) : null
    this.lookahead = spec.around === 'lookahead' ? new Lookahead(this.opts[0], { k: 2 }) : null
    this.sam = spec.around === 'sam' && !sparse ? new SAM(this.opts[0]) : null
  }

  batch(seed: string, rows: number): Batch {
    const from = draw(seed)
    const { spec } = this
    const shape = spec.input === 'tokens' ? spec.shape.slice(0, 1) : spec.shape
    const size = shape.reduce((a, b) => a * b, rows)
    const ints = (n: number, below: number) => Int32Array.from({ length: n }, () => from.integer(0, below))
    const floats = (n: number) => Float32Array.from(from.many(n, -1, 1))
    const x =
      spec.input === 'tokens'
        ? tensor(ints(size, vocabulary), [rows, ...shape])
        : tensor(floats(size), [rows, ...shape], { dtype: spec.dtype } as never)
    const values = tensor(floats(rows * classes), [rows, classes], { dtype: spec.dtype } as never)
    return { x, targets: tensor(ints(rows, classes), [rows]), values }
  }
}

interface Batch {
  readonly x: Tensor
  readonly targets: Tensor
  readonly values: Tensor
  readonly [name: string]: Tensor
}

export class Planned extends Error {}

const failing = customGradient((x: Tensor) => [
  x.mul(1),
  () => {
    throw new Planned('in the backward pass')
  },
])

/** The forward pass: what goes back. */
function forward(world: World, way: Way, batch: Batch): { list: Tensor[]; hidden: Tensor; logits: Tensor } {
  const { net, spec } = world
  const logits = net.forward(batch.x)
  const hidden = net.hidden!
  if (way.fails === 'forward') throw new Planned('in the forward pass')
  let loss = losses[spec.loss % losses.length](logits, batch.targets, batch.values)
  if (way.factor !== 1) loss = loss.mul(way.factor)
  if (way.fails === 'backward') loss = failing(loss)
  if (way.penalty) {
    const p = net.head.weight
    if (p.requiresGrad) {
      const [g] = grad(loss, [p], { createGraph: true })
      loss = loss.add(g.square().sum().mul(0.1))
    }
  }
  if (world.scaler) loss = world.scaler.scale(loss)
  const other = (): Tensor => hidden.tanh().square().mean().to(loss.dtype)
  switch (way.losses) {
    case 'one':
    case 'twice':
      return { list: [loss], hidden, logits }
    case 'sum':
      return { list: [loss.add(other())], hidden, logits }
    case 'two':
      return { list: [loss, other()], hidden, logits }
    case 'part':
      return { list: [loss.mul(0.5), loss.exp().mean()], hidden, logits }
    default:
      return way.losses satisfies never
  }
}

function back(world: World, way: Way, list: readonly Tensor[]): void {
  const params = world.net.parameters().filter(p => p.requiresGrad)
  list.forEach((loss, i) => {
    if (!loss.requiresGrad) return
    loss.backward({
      ...((way.losses === 'twice' || i < list.length - 1) && { retainGraph: true }),
      ...(way.weighted && { gradient: tensor(0.5 + i, { dtype: loss.dtype }) }),
      ...(way.inputs && { inputs: params.filter((_, n) => n % 2 === 0) }),
    })
    if (way.losses === 'twice') loss.backward()
  })
}

function zero(world: World, way: Way): void {
  const params = world.net.parameters()
  if (way.zero === 'undefined') for (const p of params) p.grad = undefined
  else if (way.zero === 'zeros') {
    for (const p of params) if (p.grad && !sparseRows(p.grad)) p.grad = p.grad.zerosLike()
  } else world.net.zeroGrad()
}

function update(world: World, way: Way): Promise<void>[] {
  const params = world.net.parameters()
  if (way.fails === 'between') throw new Planned('before the step')
  if (world.scaler && way.clip !== 'none') for (const opt of world.opts) world.scaler.unscale(opt)
  if (params.some(p => p.grad)) {
    if (way.clip === 'norm') clipGradNorm(params, 0.5)
    if (way.clip === 'value') clipGradValue(params, 0.1)
    if (way.clip === 'adaptive') clipGradAdaptive(params, 0.2)
  }
  const when = way.skips ? tensor(false) : undefined
  const done = world.opts.map(opt => {
    if (world.scaler) return world.scaler.step(opt)
    if (world.lookahead?.base === opt) return world.lookahead.step(when ? { when } : {})
    return opt.step(when ? { when } : {})
  })
  if (way.fails === 'late') throw new Planned('after the step')
  world.average?.update()
  if (way.zero === 'after') world.net.zeroGrad()
  return done
}

/** One step without any wait: what may be jitted. */
function wholeStep(world: World, way: Way, batches: readonly Batch[]): { losses: Tensor[] } {
  if (way.zero !== 'none' && way.zero !== 'after') zero(world, way)
  const all: Tensor[] = []
  for (const batch of batches) {
    const { list } = forward(world, way, batch)
    back(world, way, list)
    // as the results of a jitted function are
    for (const loss of list) all.push(loss.keep())
  }
  if (world.sam && world.net.parameters().some(p => p.grad)) {
    world.sam.ascend()
    const { list } = forward(world, way, batches[0])
    back(world, way, list)
    world.sam.step().catch(() => {})
    for (const opt of world.opts.slice(1)) opt.step().catch(() => {})
  } else for (const done of update(world, way)) done.catch(() => {})
  return { losses: all }
}

/** The same with waits in between. */
async function brokenStep(
  world: World,
  way: Way,
  batches: readonly Batch[],
): Promise<{ losses: Tensor[]; read: Tensor[] }> {
  if (way.zero !== 'none' && way.zero !== 'after') zero(world, way)
  const all: Tensor[] = []
  const read: Tensor[] = []
  for (const batch of batches) {
    const { list, hidden, logits } = forward(world, way, batch)
    if (way.middle === 'keep') world.kept = logits.keep()
    if (way.middle === 'hidden') await hidden.data()
    if (way.middle === 'read') await list[0].data()
    if (way.middle === 'realize') await realize()
    back(world, way, list)
    all.push(...list)
    if (way.middle === 'keep') read.push(logits)
  }
  for (const done of update(world, way)) await done
  return { losses: all, read }
}

function happen(world: World, { what, number }: Event): Promise<unknown> | undefined {
  const { net, opts } = world
  const params = net.parameters()
  const p = params[number % params.length]
  const opt = opts[number % opts.length]
  const group = opt.groups[number % opt.groups.length]
  const other = opt.groups[(number + 1) % opt.groups.length]
  const factor = 0.5 + (number % 10) / 10
  switch (what) {
    case 'rate':
      if (number % 2) opt.lr = opt.groups[0].lr * factor
      else group.lr *= factor
      return
    case 'option':
      ;(group as { weightDecay?: number }).weightDecay = world.net.emb?.options.sparse ? 0 : (number % 3) / 100
      return
    case 'options in place': {
      const { betas } = group as { betas?: number[] }
      if (betas) betas[0] = 0.8 + (number % 10) / 100
      return
    }
    case 'freeze':
      p.requiresGrad = false
      return
    case 'thaw':
      for (const t of params) t.requiresGrad = true
      return
    case 'assign':
      noGrad(() => p.assign(tensor(Float32Array.from(draw(`${number}`).many(p.size, -0.5, 0.5)), p.shape).to(p.dtype)))
      return
    case 'scale':
      noGrad(() => p.assign(p.mul(factor)))
      return
    case 'load': {
      const state = new Map([...net.stateDict()].map(([name, t]) => [name, t.detach().mul(1)] as const))
      net.loadStateDict(state)
      return
    }
    case 'replace':
    case 'replace for the optimizer': {
      const { head } = net
      const before = head.weight
      const next = parameter(noGrad(() => before.mul(factor)))
      head.weight = next
      if (what !== 'replace')
        for (const { groups } of opts)
          for (const g of groups) {
            const at = g.params.indexOf(before)
            if (at >= 0) g.params[at] = next
          }
      return
    }
    case 'move between groups': {
      const moved = group.params.shift()
      if (moved) other.params.push(moved)
      return
    }
    case 'drop from a group':
      if (group.params.length > 1) group.params.pop()
      return
    case 'reverse':
      group.params.reverse()
      return
    case 'mode':
      net.train(number % 2 === 0)
      return
    case 'turn':
    case 'turn back':
      for (const m of net.modules())
        if (m instanceof Turning || m instanceof Steered) m.turns = what === 'turn' ? m.turns + 1 + (number % 3) : 0
      return
    case 'gradient':
      p.grad = tensor(Float32Array.from(draw(`${number}`).many(p.size, -0.5, 0.5)), p.shape).to(p.dtype)
      return
    case 'no gradient':
      p.grad = undefined
      return
    case 'hook': {
      const at = net.blocks[number % Math.max(1, net.blocks.length)] ?? net.head
      const { hooked } = world
      hooked.factor = factor
      world.unhook.push(
        number % 2
          ? registerForwardHook(at, (_, __, result) => (result as Tensor).mul(factor))
          : registerBackwardHook(at, (_, g) => g.mul(hooked.factor)),
      )
      return
    }
    case 'unhook':
      world.unhook.pop()?.()
      return
    case 'restore': {
      const { settings, tensors } = opt.stateDict()
      const copies = new Map([...tensors].map(([name, t]) => [name, t.detach().mul(1)] as const))
      opt.loadStateDict({ settings: structuredClone(settings), tensors: copies })
      return
    }
    case 'dispose state':
      opt[Symbol.dispose]()
      return
    case 'dispose kept':
      world.kept?.[Symbol.dispose]()
      world.kept = null
      return
    case 'dispose gradient':
      if (p.grad && !sparseRows(p.grad)) p.grad[Symbol.dispose]()
      p.grad = undefined
      return
    case 'averages':
      if (number % 2) world.average?.apply()
      else world.average?.restore()
      return
    case 'realize':
      return realize()
    case 'old loss':
      return world.lossKept?.data()
    default:
      return what satisfies never
  }
}

export type Log = readonly Readonly<Record<string, readonly number[] | string>>[]

const nameOfError = (error: unknown): string =>
  error instanceof Planned
    ? `Planned: ${error.message}`
    : `${(error as Error).constructor.name}: ${(error as Error).message}`

/** All that a world is, by name. */
function tensorsOf(world: World): Map<string, Tensor> {
  const found = new Map<string, Tensor>(world.net.stateDict())
  for (const [name, p] of world.net.namedParameters()) if (p.grad) found.set(`${name}.grad`, p.grad)
  world.opts.forEach((opt, i) => {
    for (const [name, t] of opt.stateDict().tensors) found.set(`optimizer ${i} ${name}`, t)
  })
  for (const [name, t] of world.average?.stateDict() ?? []) found.set(`average ${name}`, t)
  for (const [name, t] of world.scaler?.stateDict() ?? []) found.set(`scaler ${name}`, t)
  world.lookahead?.slow.forEach((t, i) => void found.set(`slow ${i}`, t))
  return found
}

async function values(tensors: ReadonlyMap<string, Tensor>): Promise<Record<string, number[] | string>> {
  const list = [...tensors]
  try {
    const data = await readAll(list.map(([, t]) => t))
    return Object.fromEntries(list.map(([name, t], i) => [name, t.engine.decode(t.dtype, data[i])]))
  } catch {
    const each: Record<string, number[] | string> = {}
    for (const [name, t] of list)
      each[name] = await t.numbers().catch((error: unknown) => (error as Error).constructor.name)
    return each
  }
}

/** @param jitted whether steps go through `jit`, one function for each model */
export async function runTraining({ seed, models, steps }: TrainingProgram, jitted = false): Promise<Log> {
  manualSeed(seed)
  const worlds = models.map(spec => new World(spec))
  const compiled = worlds.map(world =>
    jitted
      ? jit((way: Way, batches: Batch[]) => wholeStep(world, way, batches))
      : (way: Way, batches: Batch[]) => wholeStep(world, way, batches),
  )
  const log: Record<string, number[] | string>[] = []
  const held = new Map<string, Tensor>()
  for (const [i, { model, rows, events, way, read }] of steps.entries()) {
    const entry: Record<string, number[] | string> = {}
    log.push(entry)
    const world = worlds[model]
    for (const event of events)
      try {
        await happen(world, event)
      } catch (error) {
        entry[event.what] = nameOfError(error)
      }
    const batches = Array.from({ length: way.batches }, (_, n) => world.batch(`${seed} ${i} ${n}`, rows))
    try {
      const out: { losses: Tensor[]; read?: Tensor[] } =
        way.middle === 'nothing' || world.sam ? compiled[model](way, batches) : await brokenStep(world, way, batches)
      out.losses.forEach((t, n) => void held.set(`loss ${i} ${n}`, t))
      out.read?.forEach((t, n) => void held.set(`read ${i} ${n}`, t))
      world.lossKept = out.losses[0]
      if (way.middle === 'nothing') await runStep(out.losses)
    } catch (error) {
      entry.step = nameOfError(error)
    }
    if (!read && i < steps.length - 1) continue
    for (const [n, each] of worlds.entries())
      for (const [name, value] of Object.entries(await values(tensorsOf(each)))) entry[`${n}: ${name}`] = value
    Object.assign(entry, await values(held))
    held.clear()
  }
  await realize().catch(() => {})
  for (const fn of compiled) if (Symbol.dispose in fn) (fn as Disposable)[Symbol.dispose]()
  return log
}
