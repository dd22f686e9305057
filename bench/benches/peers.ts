// Cairn beside the JavaScript libraries that do the same work, thread for thread: one thread against one, in one process and in turns. PyTorch is
// reported beside them where it is installed.

import { disposeDevice, setDefaultDevice } from '@cairn/tensor'
import type { BenchOptions, Measurement } from '../bench.ts'
import { compare } from '../measure.ts'
import { cairn } from '../peers/cairn.ts'
import { jaxJs } from '../peers/jax-js.ts'
import { type WorkName, works } from '../peers/peer.ts'
import { tfjs } from '../peers/tfjs.ts'
import { findTorch, startTorch, type Torch } from '../peers/torch.ts'

export const description =
  'the same work in jax-js and tfjs, one thread each; a share above 1 is how many times faster Cairn is'

/** How many times faster than the best peer Cairn means to be. */
const targets: Partial<Record<WorkName, number>> = { matmul: 1.6, gelu: 8, softmax: 2, layerNorm: 6, gpt: 5 }

export async function* run({ args, device }: BenchOptions): AsyncGenerator<Measurement> {
  if (device !== 'wasm') throw new Error(`peers: compares on wasm, where all of them run, not on ${device}.`)
  const wanted = args.length ? args : works
  for (const name of wanted)
    if (!works.includes(name as WorkName))
      throw new Error(`peers: there is no '${name}'; there are ${works.join(', ')}.`)
  await disposeDevice('wasm')
  await setDefaultDevice('wasm', { threads: 1 })
  const torch = findTorch()
  for (const work of wanted as WorkName[]) {
    const ours = (await cairn.prepare(work))!
    let best: Measurement | undefined
    for (const peer of [jaxJs, tfjs]) {
      const theirs = await peer.prepare(work)
      if (!theirs) continue
      const { rate, limit, share, spread } = await compare(
        { amount: 1, run: ours },
        { amount: 1, run: theirs },
        { warmup: 4, seconds: 3, runs: 5 },
      )
      const found: Measurement = {
        name: `${work}, one thread`,
        value: 1000 / rate,
        unit: 'ms',
        limit: { name: peer.name, value: 1000 / limit },
        share,
        spread,
      }
      yield found
      if (!best || share < best.share!) best = found
    }
    const target = targets[work]
    if (torch) yield await againstTorch(work, torch, ours)
    if (best && target) yield { ...best, name: `${work}, against the best of them`, target }
  }
  await disposeDevice('wasm')
}

/** Works that pass over memory once, where no more than 1.5 times PyTorch's time is meant. */
const passes: ReadonlySet<WorkName> = new Set(['gelu', 'softmax', 'layerNorm', 'add', 'sum'])

/** Runs in turns with a process of its own, which measures itself. */
async function againstTorch(work: WorkName, found: Torch, ours: () => Promise<void>): Promise<Measurement> {
  const torch = startTorch(found, work)
  const [own, theirs]: [number[], number[]] = [[], []]
  const begin = performance.now()
  for (let i = 0; i < 8 || performance.now() - begin < 3000; i++) {
    const start = performance.now()
    await ours()
    const taken = performance.now() - start
    const seconds = await torch.run()
    if (i < 3) continue
    own.push(taken)
    theirs.push(1000 * seconds)
  }
  torch.close()
  const median = (list: number[]): number => list.sort((a, b) => a - b)[list.length >> 1]!
  return {
    name: `${work}, one thread`,
    value: median(own),
    unit: 'ms',
    limit: { name: `PyTorch ${found.version}`, value: median(theirs) },
    ...(passes.has(work) && { target: 1 / 1.5 }),
  }
}
