// A training run of a language model on text: steps, held-out loss, checkpoints. Everything a resumed run needs is in one file,
// written whole or not at all, so that it goes on to the same losses.
import type { GPT2 } from '@cairn/models'
import { crossEntropy } from '@cairn/nn'
import { type AdamW, clipGradNorm, type OptimizerState, type Schedule } from '@cairn/optim'
import { defaultGenerator, type Generator, noGrad, readAll, readFile, type Tensor } from '@cairn/tensor'
import { loadSafetensors, readSafetensorsHeader, saveSafetensorsFile } from '@cairn/tensor/interop'
import type { Curves } from './loss-curve.ts'
import type { Progress } from './progress.ts'
import { type Batch, evenWindows, randomWindows } from './text-windows.ts'

export interface LanguageRun {
  readonly model: GPT2
  readonly opt: AdamW
  readonly schedule: Schedule
  readonly train: Int32Array
  readonly heldOut: Int32Array
  readonly batch: number
  readonly context: number
  readonly steps: number
  /** where windows are drawn from */
  readonly generator: Generator
  /** steps between two measurements on held-out text */
  readonly evalEvery: number
  /** batches of held-out text a measurement */
  readonly evalBatches: number
  /** largest norm of the gradients */
  readonly clip: number
}

/** How far a run is. */
export interface RunState extends Curves {
  readonly train: number[]
  readonly validation: [number, number][]
}

/** Steps between two readings of the losses: the device is not waited for in between. */
const readEvery = 10

/** The mean loss over batches, without training on them. */
export async function meanLoss(model: GPT2, batches: Iterable<Batch>): Promise<number> {
  model.eval()
  const losses: number[] = []
  // One at a time: a measurement needs the memory of one batch.
  for (const { x, y } of batches) losses.push(await noGrad(() => crossEntropy(model.forward(x), y)).item())
  model.train()
  return losses.reduce((a, b) => a + b, 0) / losses.length
}

/** The mean loss on held-out text, always the same windows. */
export const heldOutLoss = ({ model, heldOut, batch, context, evalBatches }: LanguageRun): Promise<number> =>
  meanLoss(model, evenWindows(heldOut, batch, context, evalBatches))

/**
 * Trains until the last step or until `stop.asked`; `state` grows as it goes.
 * @returns whether all steps are done
 */
export async function trainLanguageModel(
  run: LanguageRun,
  state: RunState,
  progress: Progress,
  stop: { readonly asked: boolean },
): Promise<boolean> {
  const { model, opt, schedule, train, batch, context, steps, generator, evalEvery, clip } = run
  let waiting: Tensor[] = []
  let readAt = performance.now()
  model.train()
  while (state.train.length + waiting.length < steps) {
    const step = state.train.length + waiting.length
    const { x, y } = randomWindows(train, batch, context, generator)
    opt.zeroGrad()
    const loss = crossEntropy(model.forward(x), y)
    loss.backward()
    clipGradNorm(model.parameters(), clip)
    opt.lr = schedule(step)
    await opt.step()
    waiting.push(loss)

    const done = step + 1
    const measure = done % evalEvery === 0 || done === steps
    if (waiting.length >= readEvery || measure || stop.asked) {
      const losses = (await readAll(waiting)).map(values => Number(values[0]))
      const seconds = (performance.now() - readAt) / 1000
      state.train.push(...losses)
      const loss = losses.reduce((a, b) => a + b, 0) / losses.length
      progress.update(done, { loss, tokensPerSecond: (waiting.length * batch * context) / seconds })
      waiting = []
      if (measure) {
        const value = await heldOutLoss(run)
        state.validation.push([done, value])
        progress.note(`step ${done}: loss on held-out text ${value.toFixed(4)}`)
      }
      readAt = performance.now()
    }
    if (stop.asked) return done === steps
  }
  return true
}

/** What a checkpoint holds beside the tensors. */
interface Saved {
  readonly settings: unknown
  readonly state: RunState
  readonly optimizer: OptimizerState['settings']
  readonly generators: readonly (readonly [number, number, number])[]
}

/** Weights, optimizer, random numbers and losses, in one file. `settings` must be the same when it is resumed. */
export function saveCheckpoint(path: string, run: LanguageRun, state: RunState, settings: unknown): Promise<void> {
  const { settings: optimizer, tensors } = run.opt.stateDict()
  const all = new Map<string, Tensor>()
  for (const [name, t] of run.model.stateDict()) all.set(`model.${name}`, t)
  for (const [name, t] of tensors) all.set(`optimizer.${name}`, t)
  const generators = [run.generator.state, defaultGenerator().state]
  const saved: Saved = { settings, state, optimizer, generators }
  return saveSafetensorsFile(path, all, { run: JSON.stringify(saved) })
}

/** Puts a run where a checkpoint left it. */
export async function loadCheckpoint(path: string, run: LanguageRun, settings: unknown): Promise<RunState> {
  const bytes = await readFile(path)
  if (!bytes) throw new Error(`There is no checkpoint ${path}; run without --resume first.`)
  const saved = JSON.parse(readSafetensorsHeader(bytes).metadata.run ?? 'null') as Saved | null
  if (!saved) throw new Error(`${path} is not a checkpoint of this script.`)
  if (JSON.stringify(saved.settings) !== JSON.stringify(settings))
    throw new Error(
      `The checkpoint was made with ${JSON.stringify(saved.settings)}; give the same options to resume it.`,
    )
  const tensors = loadSafetensors(bytes)
  const part = (prefix: string) =>
    new Map([...tensors].flatMap(([name, t]) => (name.startsWith(prefix) ? [[name.slice(prefix.length), t]] : [])))
  run.model.loadStateDict(part('model.'))
  run.opt.loadStateDict({ settings: saved.optimizer, tensors: part('optimizer.') })
  run.generator.state = saved.generators[0]
  defaultGenerator().state = saved.generators[1]
  return saved.state
}
