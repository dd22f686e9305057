// The same work in a page of Chromium and in Node, on as many threads, in turns; and whether a page stays awake while it trains.

import { availableParallelism } from 'node:os'
import { disposeDevice, setDefaultDevice } from '@cairn/tensor'
import type { BenchOptions, Measurement } from '../bench.ts'
import { openBenchPage } from '../browser/serve.ts'
import { measure } from '../measure.ts'
import { cairn } from '../peers/cairn.ts'
import { type WorkName, works } from '../peers/peer.ts'

export const description =
  "work in a page of headless Chromium beside the same in Node, and the page's longest tasks while it trains"

/** A page may be slower than Node by this much. */
const target = 1 / 1.2

export async function* run({ args, device }: BenchOptions): AsyncGenerator<Measurement> {
  if (device !== 'wasm') throw new Error(`browser: measures wasm, not ${device}.`)
  const wanted = (args.length ? args : works) as WorkName[]
  const threads = Math.min(2, availableParallelism())
  const page = await openBenchPage()
  if (!page) throw new Error('browser: there is no Chromium; install one, or name it in CHROME_PATH.')
  try {
    await page.start(threads)
    await disposeDevice('wasm')
    await setDefaultDevice('wasm', { threads })
    for (const work of wanted) {
      const once = (await cairn.prepare(work))!
      const inNode = async () => 1000 * (await measure(once, { warmup: 5, seconds: 1 })).median
      const before = await inNode()
      const there = await page.time(work, 1)
      const limit = { name: 'Node', value: (before + (await inNode())) / 2 }
      yield { name: `${work}, ${threads} threads`, value: there, unit: 'ms in the page', limit, target }
    }
    const { steps, tasks } = await page.longTasks(5)
    yield { name: `training, ${steps} steps`, value: tasks.length, unit: 'tasks above 50 ms' }
    yield { name: `training, ${steps} steps`, value: Math.max(0, ...tasks), unit: 'ms, the longest of them' }
    if (tasks.length)
      throw new Error(`browser: the page was held for ${tasks.map(t => t.toFixed(0)).join(', ')} ms while it trained.`)
  } finally {
    await page.close()
    await disposeDevice('wasm')
  }
}
