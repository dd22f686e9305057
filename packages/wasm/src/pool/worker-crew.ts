// The crew of workers. They take runs from the ring in the control block without asking the main thread, so several runs
// follow each other even while it is busy; it only sees them end. When a worker dies, the others are stopped, the run
// under way fails, and a new crew carries on with the rest.

import { platform } from '#platform'
import { control } from './control.ts'
import type { ControlBlock } from './control-block.ts'
import type { Crew, Job } from './crew.ts'
import { WorkerDiedError } from './errors.ts'
import type { WorkerHandle } from './platform.ts'
import { buildRunner } from './runner.ts'
import { type Kernels, type Report, type Start, workerSource } from './worker-source.ts'

export interface WorkerCrewOptions {
  readonly block: ControlBlock
  readonly threads: number
  readonly workerUrl: string | URL | undefined
  /** All kernels of the moment, for workers that start. */
  readonly kernels: () => Kernels
}

export class WorkerCrew implements Crew {
  readonly threads: number
  readonly #options: WorkerCrewOptions
  readonly #block: ControlBlock
  readonly #runner: WebAssembly.Module
  readonly #waitAsync = typeof Atomics.waitAsync === 'function'
  #workers: WorkerHandle[] = []
  /** Jobs that have not ended; the first `#submitted` of them are in the ring. */
  readonly #jobs: Job[] = []
  #submitted = 0
  /** `down`: no workers; they are started when a job comes. `stopping`: jobs wait. */
  #state: 'down' | 'starting' | 'up' | 'stopping' = 'down'
  #watching = false
  /** Whether the first worker is referenced. */
  #holding = false

  /** Resolves when all workers are ready. @throws WorkerDiedError when one cannot be started */
  static async start(options: WorkerCrewOptions): Promise<WorkerCrew> {
    const crew = new WorkerCrew(options)
    await crew.#start()
    return crew
  }

  private constructor(options: WorkerCrewOptions) {
    const { block, threads } = options
    this.#options = options
    this.#block = block
    this.threads = threads
    const code = buildRunner({ control: block.address, threads, shared: true })
    this.#runner = new WebAssembly.Module(code)
  }

  update(kernels: Kernels): void {
    if (this.#state !== 'starting' && this.#state !== 'up') return // new workers are told all
    for (const worker of this.#workers) worker.post(kernels)
    this.#block.mailed()
  }

  submit(job: Job): void {
    this.#jobs.push(job)
    switch (this.#state) {
      case 'down':
        this.#start().catch(() => {}) // the jobs are told
        break
      case 'starting':
      case 'up':
        this.#fill()
        break
      case 'stopping':
        break
      default:
        this.#state satisfies never
    }
  }

  async stop(): Promise<void> {
    if (this.#state === 'down') return
    await this.#stopWorkers()
    this.#state = 'down'
  }

  /** Rejects after the jobs have been told. */
  #start(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const { threads, workerUrl } = this.#options
    const workers: WorkerHandle[] = []
    const current = () => this.#workers === workers && this.#state !== 'stopping'
    let waiting = threads
    const died = (thread: number, reason: string, cause: unknown) => {
      if (!current()) return
      const error = new WorkerDiedError(thread, reason, cause)
      const starting = this.#state === 'starting'
      this.#died(error).then(() => starting && reject(error))
    }
    const report = (report: Report) => {
      if (!current()) return
      if (report === 'ready' && --waiting === 0) {
        this.#state = 'up'
        this.#hold()
        resolve()
      } else if (report === 'completed') this.#settle()
    }
    this.#state = 'starting'
    this.#block.reset()
    this.#workers = workers
    for (let thread = 0; thread < threads; thread++) {
      try {
        const events = { report, died: died.bind(undefined, thread) }
        const worker = platform.startWorker(workerSource, workerUrl, `cairn-${thread}`, events)
        workers.push(worker)
        const start: Start = {
          memory: this.#block.memory,
          runner: this.#runner,
          control: this.#block.address,
          thread,
          runs: this.#block.seen,
          kernels: this.#options.kernels(),
          waitAsync: this.#waitAsync,
        }
        worker.post(start)
        if (thread > 0) worker.unref()
        else this.#holding = true
      } catch (error) {
        died(thread, String(error), error)
        break
      }
    }
    if (this.#state === 'starting') this.#fill()
    return promise
  }

  /** Puts jobs into the ring while there is room, and watches it. */
  #fill(): void {
    while (this.#submitted < this.#jobs.length && !this.#block.full) this.#block.submit(this.#jobs[this.#submitted++])
    this.#hold()
    if (this.#waitAsync) this.#watch()
  }

  /** One referenced worker keeps the process alive: while starting, and while there is work. */
  #hold(): void {
    const hold = this.#jobs.length > 0 || this.#state === 'starting'
    if (hold === this.#holding) return
    this.#holding = hold
    if (hold) this.#workers[0]?.ref()
    else this.#workers[0]?.unref()
  }

  async #watch(): Promise<void> {
    if (this.#watching) return
    this.#watching = true
    const { words } = this.#block
    while (this.#submitted > 0) {
      const wait = Atomics.waitAsync(words, control.completed / 4, this.#block.seen)
      if (wait.async) await wait.value
      this.#settle()
    }
    this.#watching = false
  }

  #settle(): void {
    for (let end = this.#block.next(); end; end = this.#block.next()) {
      this.#submitted--
      this.#jobs.shift()!.ended(end.trap && { trap: end.trap })
    }
    if (this.#state === 'starting' || this.#state === 'up') this.#fill()
  }

  async #died(error: WorkerDiedError): Promise<void> {
    const starting = this.#state === 'starting'
    await this.#stopWorkers()
    this.#settle() // what had ended before
    // A worker may have taken a job and died of it before its word of being ready came through, so a crew that seems to be starting fails
    // one job as well. Each new crew fails at least one, so workers that can never start end with the jobs.
    const failed = this.#jobs.splice(0, Math.min(1, starting ? this.#jobs.length : this.#submitted))
    this.#submitted = 0
    this.#state = 'down'
    for (const job of failed) job.ended({ error })
    if (this.#jobs.length > 0) this.#start().catch(() => {}) // the jobs are told
  }

  /** After this nobody but the main thread touches the memory. */
  async #stopWorkers(): Promise<void> {
    this.#state = 'stopping'
    this.#block.stop()
    await Promise.all(this.#workers.map(worker => worker.stop()))
    this.#workers = []
  }
}
