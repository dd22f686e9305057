// The crew of one: the calling thread executes a run while it is submitted. Needs no shared memory.

import type { ControlBlock, Trap } from './control-block.ts'
import type { Crew, Job } from './crew.ts'
import { buildRunner, type RunnerExports, type RunnerImports } from './runner.ts'
import { step, stepBytes } from './tape.ts'
import type { Kernels } from './worker-source.ts'

export class InlineCrew implements Crew {
  readonly threads = 1
  readonly #block: ControlBlock
  readonly #runner: RunnerExports
  readonly #broken = new Map<number, string>()

  constructor(block: ControlBlock) {
    const { memory, address } = block
    const shared = typeof SharedArrayBuffer !== 'undefined' && memory.buffer instanceof SharedArrayBuffer
    const code = buildRunner({ control: address, threads: 1, shared })
    const env: RunnerImports = { memory, thread: 0, completed() {} }
    this.#block = block
    this.#runner = new WebAssembly.Instance(new WebAssembly.Module(code), { env }).exports as RunnerExports
  }

  update({ remove, add }: Kernels): void {
    const { table } = this.#runner
    for (const index of remove) {
      if (index < table.length) table.set(index, null)
      this.#broken.delete(index)
    }
    for (const [index, module] of add) {
      if (index >= table.length) table.grow(index + 1 - table.length)
      try {
        const { kernel } = new WebAssembly.Instance(module, { env: { memory: this.#block.memory }, Math } as never)
          .exports
        table.set(index, kernel)
      } catch (error) {
        this.#broken.set(index, String(error))
      }
    }
  }

  submit(job: Job): void {
    this.#block.submit(job)
    const trap = this.#work(job.tape)
    this.#block.next()
    job.ended(trap && { trap })
  }

  #work(tape: number): Trap | undefined {
    try {
      this.#runner.work(0)
      return undefined
    } catch (error) {
      const at = this.#runner.step.value >>> 0
      const kernel = new Int32Array(this.#block.memory.buffer, at + step.kernel, 1)[0]
      this.#runner.abandon()
      return { step: (at - tape) / stepBytes, kernel, reason: this.#broken.get(kernel) ?? String(error) }
    }
  }

  async stop(): Promise<void> {}
}
