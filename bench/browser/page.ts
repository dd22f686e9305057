// Runs in the page: the works of `peers/cairn.ts` on the page's own workers, timed there, and training watched for tasks that hold the page.

import { setDefaultDevice } from '@cairn/tensor'
import { measure } from '../measure.ts'
import { cairn } from '../peers/cairn.ts'
import type { WorkName } from '../peers/peer.ts'

export interface PageBench {
  start(threads: number): Promise<void>
  /** Median milliseconds of one run. */
  time(work: WorkName, seconds: number): Promise<number>
  /** The longest tasks of the page's own thread, in milliseconds, while a GPT trains for so many seconds; the browser reports those above 50 ms. */
  longTasks(seconds: number): Promise<{ steps: number; tasks: number[] }>
}

const bench: PageBench = {
  async start(threads) {
    await setDefaultDevice('wasm', { threads })
  },
  async time(work, seconds) {
    const once = (await cairn.prepare(work))!
    return 1000 * (await measure(once, { warmup: 5, seconds })).median
  },
  async longTasks(seconds) {
    const once = (await cairn.prepare('gpt'))!
    for (let i = 0; i < 5; i++) await once()
    const tasks: number[] = []
    const observer = new PerformanceObserver(list => {
      for (const entry of list.getEntries()) tasks.push(entry.duration)
    })
    observer.observe({ entryTypes: ['longtask'] })
    const begin = performance.now()
    let steps = 0
    for (; performance.now() - begin < seconds * 1000; steps++) await once()
    // entries are delivered in a task of their own
    await new Promise(resolve => setTimeout(resolve, 100))
    observer.disconnect()
    return { steps, tasks }
  },
}

Object.assign(globalThis, { bench })
