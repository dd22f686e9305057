// The program of a worker, as text: it becomes a Blob URL in browsers and an `eval` worker in Node, so no bundler has to
// find a file. Plain JavaScript that no build step touches, kept small: the loop itself is the runner module.
// A page whose Content-Security-Policy has no `worker-src blob:` serves this text as a file and names it by `workerUrl`.

import { control, maxMessageBytes, slot, slotBytes, slotCount } from './control.ts'
import { outcome } from './runner.ts'

/** First message to a worker. */
export interface Start {
  readonly memory: WebAssembly.Memory
  readonly runner: WebAssembly.Module
  readonly control: number
  readonly thread: number
  /** Runs finished before this worker came. */
  readonly runs: number
  readonly kernels: Kernels
  /** The main thread waits with Atomics.waitAsync; otherwise it wants a message after each run. */
  readonly waitAsync: boolean
}

/** Kernels that go and kernels that come, in this order. Also every later message to a worker. */
export interface Kernels {
  readonly remove: readonly number[]
  readonly add: readonly (readonly [index: number, module: WebAssembly.Module])[]
}

/** What a worker says: it is ready, a run is finished, it has left the runner and touches the memory no more. */
export type Report = 'ready' | 'completed' | 'stopped'

export const workerSource: string = `// Cairn worker: runs tapes of kernels in shared memory. Made from packages/wasm/src/pool/worker-source.ts.
;(() => {
  'use strict'
  const node = globalThis.process?.getBuiltinModule?.('node:worker_threads')
  const port = node?.parentPort ?? globalThis
  const broken = new Map() // kernels that could not be instantiated, with the reason
  let memory, base, words, thread, runner
  let mail = 0

  function update({ remove, add }) {
    const { table } = runner
    for (const index of remove) {
      if (index < table.length) table.set(index, null)
      broken.delete(index)
    }
    for (const [index, module] of add) {
      if (index >= table.length) table.grow(index + 1 - table.length)
      try {
        table.set(index, new WebAssembly.Instance(module, { env: { memory }, Math }).exports.kernel)
      } catch (error) {
        broken.set(index, String(error))
      }
    }
  }

  function start(options) {
    ;({ memory, control: base, thread } = options)
    words = new Int32Array(memory.buffer, base)
    const completed = options.waitAsync
      ? () => Atomics.notify(words, ${control.completed / 4})
      : () => port.postMessage('completed')
    runner = new WebAssembly.Instance(options.runner, { env: { memory, thread, completed } }).exports
    runner.runs.value = options.runs
    update(options.kernels)
    port.postMessage('ready')
  }

  // The first thread of a run that traps leaves a note in the run's slot; all leave the run at the next barrier.
  function trapped(error) {
    const slot = (${control.slots} + (runner.runs.value & ${slotCount - 1}) * ${slotBytes}) / 4
    if (Atomics.load(words, slot + ${slot.trapped / 4}) === 0) {
      const step = new Int32Array(memory.buffer, runner.step.value >>> 0, 1)
      const text = new TextEncoder().encode(broken.get(step[0]) ?? String(error)).subarray(0, ${maxMessageBytes})
      if (Atomics.compareExchange(words, slot + ${slot.trapped / 4}, 0, thread + 1) === 0) {
        words[slot + ${slot.trapStep / 4}] = runner.step.value
        words[slot + ${slot.messageBytes / 4}] = text.length
        new Uint8Array(words.buffer, base + slot * 4 + ${slot.message}, text.length).set(text)
      }
    }
    runner.abandon()
  }

  // Returns to the event loop only to receive messages.
  function work() {
    for (;;) {
      try {
        const why = runner.work(mail)
        if (why === ${outcome.stopped}) port.postMessage('stopped')
        return
      } catch (error) {
        trapped(error)
      }
    }
  }

  const receive = message => {
    if (!runner) start(message)
    else {
      update(message)
      mail++
    }
    work()
  }
  if (node?.parentPort) port.on('message', receive)
  else port.onmessage = event => receive(event.data)
})()
`
