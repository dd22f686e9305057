// Optimizers of torch's cases: `optim_<name>`, a parameter, the gradient of each step and the parameter after it.
import {
  Adagrad,
  Adam,
  Adamax,
  AdamW,
  clipGradNorm,
  type GroupOptions,
  NAdam,
  type Optimizer,
  RAdam,
  RMSprop,
  SGD,
} from '@cairn/optim'
import type { Tensor } from '@cairn/tensor'
import { tensor } from '@cairn/tensor'
import { difference, type Tolerance } from '../compare.ts'
import { numbersOf, tensorOf } from '../files.ts'
import { Attributes, type TorchCase } from './cases.ts'

interface OptimizerRow {
  group: 'spine' | 'breadth'
  make: (p: Tensor, attrs: Attributes) => Optimizer<GroupOptions>
}

const betas = (attrs: Attributes): [number, number] => {
  const [a, b] = attrs.numbers([0.9, 0.999], 'betas')
  return [a, b]
}
const shared = (attrs: Attributes, lr: number) => ({
  lr: attrs.number(lr, 'lr'),
  weightDecay: attrs.number(0, 'weight_decay'),
  maximize: attrs.flag('maximize'),
})
const adam = (attrs: Attributes, lr = 1e-3) => ({
  ...shared(attrs, lr),
  betas: betas(attrs),
  eps: attrs.number(1e-8, 'eps'),
  amsgrad: attrs.flag('amsgrad'),
})

const rows: Readonly<Record<string, OptimizerRow>> = {
  sgd: {
    group: 'spine',
    make: (p, attrs) =>
      new SGD([p], {
        ...shared(attrs, 1e-3),
        momentum: attrs.number(0, 'momentum'),
        dampening: attrs.number(0, 'dampening'),
        nesterov: attrs.flag('nesterov'),
      }),
  },
  adam: { group: 'spine', make: (p, attrs) => new Adam([p], adam(attrs)) },
  adamw: { group: 'spine', make: (p, attrs) => new AdamW([p], adam(attrs)) },
  adamax: { group: 'breadth', make: (p, attrs) => new Adamax([p], adam(attrs, 2e-3)) },
  radam: { group: 'breadth', make: (p, attrs) => new RAdam([p], adam(attrs)) },
  nadam: {
    group: 'breadth',
    make: (p, attrs) => new NAdam([p], { ...adam(attrs, 2e-3), momentumDecay: attrs.number(4e-3, 'momentum_decay') }),
  },
  rmsprop: {
    group: 'breadth',
    make: (p, attrs) =>
      new RMSprop([p], {
        ...shared(attrs, 1e-2),
        alpha: attrs.number(0.99, 'alpha'),
        eps: attrs.number(1e-8, 'eps'),
        momentum: attrs.number(0, 'momentum'),
        centered: attrs.flag('centered'),
      }),
  },
  adagrad: {
    group: 'breadth',
    make: (p, attrs) =>
      new Adagrad([p], {
        ...shared(attrs, 1e-2),
        lrDecay: attrs.number(0, 'lr_decay'),
        eps: attrs.number(1e-10, 'eps'),
        initialAccumulatorValue: attrs.number(0, 'initial_accumulator_value'),
      }),
  },
}

/** The optimizer of a case's name, `optim_adam_wd` being Adam. */
export const optimizerOf = (name: string): OptimizerRow | undefined => rows[name.split('_')[1] ?? '']

const flat = (value: unknown): number[] =>
  Array.isArray(value) ? value.flat(Infinity).map(Number) : numbersOf(value as never)

/** Null, or the first step after which the parameter differs. */
export async function runOptimizer(given: TorchCase, tolerance: Tolerance): Promise<string | null> {
  const row = optimizerOf(given.op)
  if (!row) return `there is no optimizer for ${given.op}`
  const p = tensorOf(given.inputs.p, { requiresGrad: true })
  const attrs = new Attributes(given.attrs)
  const opt = row.make(p, attrs)
  const unread = attrs.unread()
  if (unread.length) return `attributes not understood: ${unread.join(', ')}`
  const [grads, params] = [given.grad_seq as unknown[], given.param_seq as unknown[]]
  for (const [step, grad] of grads.entries()) {
    p.grad = tensor(Float32Array.from(flat(grad)), p.shape)
    await opt.step()
    const problem = difference(await p.numbers(), flat(params[step]), tolerance)
    if (problem) return `after step ${step + 1}: ${problem}`
  }
  return null
}

/** Clips the gradients that the inputs are. */
export async function runClip(given: TorchCase, tolerance: Tolerance): Promise<string | null> {
  const attrs = new Attributes(given.attrs)
  const params = Object.values(given.inputs).map(stored => {
    const g = tensorOf(stored)
    const p = tensorOf(stored, { requiresGrad: true })
    p.grad = g
    return p
  })
  const norm = clipGradNorm(params, attrs.number(1, 'max_norm'), { normType: attrs.number(2, 'norm_type') })
  const unread = attrs.unread()
  if (unread.length) return `attributes not understood: ${unread.join(', ')}`
  for (const [i, wanted] of (given.outputs ?? []).entries()) {
    const problem = difference(await params[i].grad!.numbers(), numbersOf(wanted), tolerance)
    if (problem) return `gradient ${i}: ${problem}`
  }
  if (given.total_norm === undefined) return null
  const problem = difference([await norm.item()], [given.total_norm], tolerance)
  return problem && `total norm: ${problem}`
}
