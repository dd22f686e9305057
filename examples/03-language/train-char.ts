// nanoGPT's recipe for a CPU: a character-level GPT on Shakespeare, 2000 steps, validation loss 1.88 there.
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { GPT2, generateIds } from '@cairn/models'
import { AdamW, cosineWithWarmup, decayGroups } from '@cairn/optim'
import { Generator, manualSeed, writeFile } from '@cairn/tensor'
import {
  type LanguageRun,
  loadCheckpoint,
  meanLoss,
  type RunState,
  saveCheckpoint,
  trainLanguageModel,
} from '../lib/language-run.ts'
import { curveSvg, printCurve } from '../lib/loss-curve.ts'
import { trainingProgress } from '../lib/progress.ts'
import { interruption, main, number, options, outFolder, startDevice } from '../lib/run.ts'
import { randomWindows } from '../lib/text-windows.ts'

/** The text beside the repository, in shared/data/lm, looked for upwards. */
function findText(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const path = join(folder, 'shared/data/lm/tinyshakespeare.txt.gz')
    try {
      readFileSync(path)
      return path
    } catch {
      if (dirname(folder) === folder)
        throw new Error('shared/data/lm/tinyshakespeare.txt.gz is not here; name a text with --text <file>')
    }
  }
}

await main(async () => {
  const given = options({
    text: { type: 'string' },
    steps: { type: 'string' },
    seed: { type: 'string' },
    resume: { type: 'boolean', default: false },
    out: { type: 'string', default: outFolder('train-char') },
  })
  const path = given.text ?? findText()
  const bytes = readFileSync(path)
  const text = new TextDecoder().decode(path.endsWith('.gz') ? gunzipSync(bytes) : bytes)
  const settings = {
    seed: number('seed', given.seed, 1),
    steps: number('steps', given.steps, 2000),
    text: text.length,
  }
  const checkpoint = join(given.out, 'checkpoint.safetensors')
  const stop = interruption()
  await startDevice(given.device)
  manualSeed(settings.seed)

  // A character is a token; the last tenth of the text is held out.
  const letters = [...new Set(text)].sort()
  const ids = Int32Array.from(text, c => letters.indexOf(c))
  const cut = Math.floor(ids.length * 0.9)
  console.log(`${ids.length} characters of ${letters.length} kinds`)

  const [batch, context] = [12, 64]
  const model = new GPT2({
    vocabSize: letters.length,
    contextLength: context,
    width: 128,
    layers: 4,
    heads: 4,
    bias: false,
    activation: 'gelu',
  })
  const run: LanguageRun = {
    model,
    opt: new AdamW(decayGroups(model.parameters(), 0.1), { betas: [0.9, 0.99] }),
    schedule: cosineWithWarmup({ lr: 1e-3, minLr: 1e-4, warmup: Math.min(100, settings.steps), steps: settings.steps }),
    train: ids.subarray(0, cut),
    heldOut: ids.subarray(cut),
    batch,
    context,
    steps: settings.steps,
    generator: new Generator(settings.seed),
    evalEvery: 250,
    // the whole of it
    evalBatches: Math.max(1, Math.floor((ids.length - cut) / (batch * context))),
    clip: 1,
  }
  const state: RunState = given.resume ? await loadCheckpoint(checkpoint, run, settings) : { train: [], validation: [] }
  const progress = trainingProgress(settings.steps, state.train.length)
  const finished = await trainLanguageModel(run, state, progress, stop)
  progress.stop()
  if (!finished) {
    await saveCheckpoint(checkpoint, run, state, settings)
    console.log(`\nstopped after step ${state.train.length}; go on with --resume`)
    return
  }
  await model.save(given.out)
  await writeFile(join(given.out, 'letters.json'), JSON.stringify(letters))
  await writeFile(join(given.out, 'loss.svg'), curveSvg(state))
  printCurve(state)
  // nanoGPT draws 20 random batches of the held-out text; that is an estimate of the whole.
  const draw = new Generator(settings.seed)
  const drawn = Array.from({ length: 20 }, () => randomWindows(run.heldOut, batch, context, draw))
  console.log(`validation loss ${state.validation.at(-1)?.[1].toFixed(4)} on the whole held-out text`)
  console.log(
    `and ${(await meanLoss(model, drawn)).toFixed(4)} on 20 random batches, which is how nanoGPT measures its 1.88\n`,
  )
  const start = letters.indexOf('\n')
  for await (const id of generateIds(model, [Math.max(0, start)], {
    maxNewTokens: 300,
    temperature: 0.8,
    seed: settings.seed,
  }))
    process.stdout.write(letters[id])
  process.stdout.write('\n')
})
