// Random training programs: models, optimizers, and for each step a way to make it and what happens before it. A program is data, so that it can be
// run on any device, with and without what is built once, printed when it fails, and made smaller.

import type { Draw } from '../../../tensor/src/testing/random.ts'
import { type Block, kinds, type Shape, shapesOf } from './training-blocks.ts'

export interface ModelSpec {
  readonly input: 'vector' | 'sequence' | 'image' | 'tokens'
  readonly shape: Shape
  /** of the table of tokens */
  readonly table: 'dense' | 'sparse' | 'padded' | 'tied'
  readonly blocks: readonly Block[]
  readonly loss: number
  readonly optimizer: number
  /** groups that the parameters are dealt out to */
  readonly groups: number
  readonly around: 'nothing' | 'lookahead' | 'sam' | 'scaler' | 'average'
  readonly dtype: 'f32' | 'f64' | 'f16' | 'bf16'
}

/** How a step is made; every field has a value that leaves it out. */
export interface Way {
  /** which losses go back: one, the sum of two, two after one another that share the model's values, one twice */
  readonly losses: 'one' | 'sum' | 'two' | 'twice' | 'part'
  readonly batches: number
  readonly zero: 'before' | 'after' | 'undefined' | 'zeros' | 'none'
  readonly clip: 'none' | 'norm' | 'value' | 'adaptive'
  readonly penalty: boolean
  readonly weighted: boolean
  readonly inputs: boolean
  /** a factor of the loss: a number that is data */
  readonly factor: number
  readonly fails: 'never' | 'forward' | 'backward' | 'between' | 'late'
  readonly middle: 'nothing' | 'read' | 'realize' | 'keep' | 'hidden'
  readonly skips: boolean
}

export const plainWay: Way = {
  losses: 'one',
  batches: 1,
  zero: 'before',
  clip: 'none',
  penalty: false,
  weighted: false,
  inputs: false,
  factor: 1,
  fails: 'never',
  middle: 'nothing',
  skips: false,
}

export const events = [
  'rate',
  'option',
  'options in place',
  'freeze',
  'thaw',
  'assign',
  'scale',
  'load',
  'replace',
  'replace for the optimizer',
  'move between groups',
  'drop from a group',
  'reverse',
  'mode',
  'turn',
  'turn back',
  'gradient',
  'no gradient',
  'hook',
  'unhook',
  'restore',
  'dispose state',
  'dispose kept',
  'dispose gradient',
  'averages',
  'realize',
  'old loss',
] as const
/** A jitted function keeps the hooks that it was recorded with. */
const outsideOfJit: readonly (typeof events)[number][] = ['hook', 'unhook']
export interface Event {
  readonly what: (typeof events)[number]
  readonly number: number
}

export interface Step {
  readonly model: number
  readonly rows: number
  readonly events: readonly Event[]
  readonly way: Way
  /** whether everything is read after it */
  readonly read: boolean
}

export interface TrainingProgram {
  readonly seed: number
  readonly models: readonly ModelSpec[]
  readonly steps: readonly Step[]
}

const pick = <T>(from: Draw, list: readonly T[]): T => list[from.integer(0, list.length)]
const chance = (from: Draw, p: number): boolean => from.uniform() < p

const inputs: Readonly<Record<ModelSpec['input'], Shape>> = {
  vector: [4],
  sequence: [3, 4],
  image: [2, 4, 4],
  tokens: [3, 4],
}

export interface ProgramOptions {
  /** only what may be in a jitted step */
  readonly jit?: boolean
  /** nothing that rounding may turn over: choices of experts, signs, states of 8 bits, narrow floats */
  readonly steady?: boolean
}

/** Adafactor, LAMB, Lion, Sophia, Adam8bit and Muon of the list in training-run.ts: noise, where a gradient is 0, is as good to them as a gradient. */
const unsteadyOptimizers = [14, 15, 16, 17, 18, 19]
const optimizerCount = 20

function randomModel(from: Draw, steady: boolean): ModelSpec {
  const input = pick(from, ['vector', 'vector', 'sequence', 'image', 'tokens'] as const)
  const shape = inputs[input]
  const blocks: Block[] = []
  const names = Object.keys(kinds).filter(name => !steady || name !== 'experts')
  const optimizers = Array.from({ length: optimizerCount }, (_, i) => i)
  for (let wanted = from.integer(1, 6), tries = 0; blocks.length < wanted && tries < 60; tries++) {
    const block = { kind: pick(from, names), numbers: [from.integer(0, 60), from.integer(0, 60)] }
    if (shapesOf(shape, [...blocks, block])) blocks.push(block)
  }
  return {
    input,
    shape,
    table: pick(from, ['dense', 'sparse', 'padded', 'tied']),
    blocks,
    loss: from.integer(0, 60),
    optimizer: pick(
      from,
      optimizers.filter(i => !steady || !unsteadyOptimizers.includes(i)),
    ),
    groups: from.integer(1, 4),
    around: pick(from, ['nothing', 'nothing', 'nothing', 'lookahead', 'sam', 'scaler', 'average']),
    dtype: pick(from, steady ? ['f32', 'f32', 'f64'] : ['f32', 'f32', 'f32', 'f32', 'f64', 'bf16', 'f16']),
  }
}

function randomWay(from: Draw, jit: boolean): Way {
  const sometimes = <K extends keyof Way>(name: K, values: readonly Way[K][], p: number): Way[K] =>
    chance(from, p) ? pick(from, values) : plainWay[name]
  return {
    losses: sometimes('losses', ['one', 'sum', 'two', 'twice', 'part'], 0.3),
    batches: sometimes('batches', [2, 3], 0.2),
    zero: sometimes('zero', ['after', 'undefined', 'zeros', 'none'], 0.4),
    clip: sometimes('clip', ['norm', 'value', 'adaptive'], 0.25),
    penalty: chance(from, 0.1),
    weighted: chance(from, 0.1),
    inputs: chance(from, 0.05),
    factor: sometimes('factor', [0.5, 2, 0, Number.POSITIVE_INFINITY], 0.3),
    fails: sometimes('fails', ['forward', 'backward', 'between', 'late'], 0.08),
    middle: jit ? 'nothing' : sometimes('middle', ['read', 'realize', 'keep', 'hidden'], 0.25),
    skips: chance(from, 0.08),
  }
}

export function randomTraining(
  from: Draw,
  steps: number,
  { jit = false, steady = false }: ProgramOptions = {},
): TrainingProgram {
  const first = randomModel(from, steady)
  // a second model: another one, or one that makes the same graphs over other storages
  const models = [first, ...(chance(from, 0.35) ? [chance(from, 0.5) ? first : randomModel(from, steady)] : [])]
  const possible = events.filter(what => !jit || !outsideOfJit.includes(what))
  const ways = Array.from({ length: 3 }, () => randomWay(from, jit))
  const list = Array.from({ length: steps }, (): Step => {
    const many = chance(from, 0.4) ? from.integer(1, 4) : 0
    return {
      model: from.integer(0, models.length),
      rows: chance(from, 0.2) ? from.integer(2, 5) : 3,
      events: Array.from({ length: many }, () => ({ what: pick(from, possible), number: from.integer(0, 1000) })),
      way: chance(from, 0.45) ? plainWay : pick(from, ways),
      read: chance(from, 0.6),
    }
  })
  return { seed: from.integer(1, 1_000_000), models, steps: list }
}

/** Programs that have a little less, the larger cuts first. */
export function* smaller(program: TrainingProgram): Generator<TrainingProgram> {
  const { steps, models } = program
  for (let size = steps.length >> 1; size > 0; size >>= 1)
    for (let at = 0; at + size <= steps.length; at += size)
      yield { ...program, steps: steps.filter((_, i) => i < at || i >= at + size) }
  if (models.length > 1)
    for (const only of [0, 1]) yield { ...program, models: [models[only]], steps: steps.map(s => ({ ...s, model: 0 })) }
  for (const [m, model] of models.entries()) {
    const withModel = (change: Partial<ModelSpec>): TrainingProgram => ({
      ...program,
      models: models.map((other, i) => (i === m ? { ...model, ...change } : other)),
    })
    for (let i = 0; i < model.blocks.length; i++) {
      const blocks = model.blocks.filter((_, j) => j !== i)
      if (shapesOf(model.shape, blocks)) yield withModel({ blocks })
    }
    if (model.around !== 'nothing') yield withModel({ around: 'nothing' })
    if (model.groups > 1) yield withModel({ groups: 1 })
    if (model.dtype !== 'f32') yield withModel({ dtype: 'f32' })
    if (model.optimizer !== 0) yield withModel({ optimizer: 0 })
    if (model.loss !== 0) yield withModel({ loss: 0 })
    if (model.input !== 'vector' && model.blocks.length === 0)
      yield withModel({ input: 'vector', shape: inputs.vector })
  }
  for (const [s, step] of steps.entries()) {
    const withStep = (change: Partial<Step>): TrainingProgram => ({
      ...program,
      steps: steps.map((other, i) => (i === s ? { ...step, ...change } : other)),
    })
    for (let i = 0; i < step.events.length; i++) yield withStep({ events: step.events.filter((_, j) => j !== i) })
    for (const name of Object.keys(plainWay) as (keyof Way)[])
      if (!Object.is(step.way[name], plainWay[name])) yield withStep({ way: { ...step.way, [name]: plainWay[name] } })
    if (step.rows !== 3) yield withStep({ rows: 3 })
    if (step.read && s < steps.length - 1) yield withStep({ read: false })
  }
}

export function textOf({ seed, models, steps }: TrainingProgram): string {
  const different = (way: Way): string =>
    (Object.keys(plainWay) as (keyof Way)[])
      .filter(name => !Object.is(way[name], plainWay[name]))
      .map(name => `${name}: ${way[name]}`)
      .join(', ')
  return [
    `seed ${seed}`,
    ...models.map((m, i) => `model ${i}: ${JSON.stringify(m)}`),
    ...steps.map(
      (s, i) =>
        `step ${i}: model ${s.model}, ${s.rows} rows${s.read ? ', read' : ''}; ${s.events.map(e => `${e.what} ${e.number}`).join(', ')}; ${different(s.way)}`,
    ),
  ].join('\n')
}
