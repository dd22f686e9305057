// Batches over worker threads: the texts are dealt out in runs of neighbours, and come back in their order, equal to what one
// thread gives.
import { type PoolWorker, startWorker } from '#platform'
import type { Encoding } from '../encoding.ts'
import { TokenizerError } from '../errors.ts'
import { pad } from '../padding.ts'
import type { EncodeOptions, Tokenizer } from '../tokenizer.ts'
import { type Job, makeTokenizer, type Result, revive, type TokenizerSource, work } from './protocol.ts'

export type TokenizerPoolOptions = {
  /** How many workers. Default: one per processor but one, at least one. 0: everything on the calling thread. */
  threads?: number
  /**
   * Starts a worker on `@cairn/tokenizers/worker.js`. Node needs none. In browsers, where only your bundler knows the address:
   * `() => new Worker(new URL('@cairn/tokenizers/worker.js', import.meta.url), { type: 'module' })`.
   */
  createWorker?: () => Worker
}

/** Units of text in a run, at least: below, the messages cost more than the work. */
const RUN = 1 << 15

type Waiting = { resolve(result: Result): void; reject(error: Error): void }

class Thread {
  readonly waiting: Waiting[] = []
  private readonly worker: PoolWorker

  constructor(source: TokenizerSource, create: (() => Worker) | undefined, lost: (reason: string) => void) {
    this.worker = startWorker(create, {
      message: data => {
        this.waiting.shift()!.resolve(data as Result)
        if (this.waiting.length === 0) this.worker.unref()
      },
      died: reason => {
        lost(reason)
        for (const { reject } of this.waiting.splice(0))
          reject(new TokenizerError(`TokenizerPool: a worker died: ${reason}`))
      },
    })
    this.worker.post({ source })
    this.worker.unref()
  }

  run(job: Job): Promise<Result> {
    if (this.waiting.length === 0) this.worker.ref()
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject })
      this.worker.post(job)
    })
  }

  async stop(): Promise<void> {
    await this.worker.stop()
    for (const { reject } of this.waiting.splice(0)) reject(new TokenizerError('TokenizerPool: closed'))
  }
}

export class TokenizerPool {
  /**
   * The same tokenizer on this thread. Its `truncation` and `padding` hold for the pool; tokens added to it do not reach the
   * workers.
   */
  readonly tokenizer: Tokenizer
  private readonly threads: Thread[]
  private lost: string | undefined

  constructor(source: TokenizerSource, options: TokenizerPoolOptions = {}) {
    const { threads = Math.max(1, (globalThis.navigator?.hardwareConcurrency ?? 2) - 1), createWorker } = options
    this.tokenizer = makeTokenizer(source)
    const lost = (reason: string) => {
      this.lost = `a worker died: ${reason}`
    }
    this.threads = Array.from({ length: threads }, () => new Thread(source, createWorker, lost))
  }

  /** The number of workers; 0 if all is done on the calling thread. */
  get size(): number {
    return this.threads.length
  }

  /** `tokenizer.encodeIds` of each text. */
  async encodeIds(texts: Iterable<string>, options: EncodeOptions = {}): Promise<Uint32Array[]> {
    const out: Uint32Array[] = []
    for (const result of await this.deal('ids', [...texts], options)) {
      if (result.kind !== 'ids') continue
      let at = 0
      for (const length of result.lengths) out.push(result.ids.slice(at, (at += length)))
    }
    return out
  }

  /** `tokenizer.encodeBatch` of the texts, padding included. */
  async encodeBatch(texts: Iterable<string>, options: EncodeOptions = {}): Promise<Encoding[]> {
    const results = await this.deal('encodings', [...texts], options)
    const encodings = results.flatMap(result => (result.kind === 'encodings' ? result.encodings.map(revive) : []))
    return this.tokenizer.padding ? pad(encodings, this.tokenizer.padding) : encodings
  }

  /** Ends the workers. What is under way rejects. */
  async close(): Promise<void> {
    this.lost = 'it is closed'
    await Promise.all(this.threads.map(thread => thread.stop()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** Results of runs of texts, in order. Each worker has two runs at a time, so that none waits for the next message. */
  private async deal(kind: Job['kind'], texts: string[], given: EncodeOptions): Promise<Result[]> {
    if (this.lost) throw new TokenizerError(`TokenizerPool: ${this.lost}; make another`)
    const { allowedSpecial } = given
    const isNamed = allowedSpecial !== undefined && typeof allowedSpecial !== 'string'
    const options = isNamed ? { ...given, allowedSpecial: [...allowedSpecial] } : given
    const { truncation, padding } = this.tokenizer
    const total = texts.reduce((sum, text) => sum + text.length, 0)
    const least = Math.max(RUN, total / (8 * this.threads.length))
    const jobs: Job[] = []
    for (let at = 0; at < texts.length; ) {
      const start = at
      for (let size = 0; at < texts.length && size < least; at++) size += texts[at].length
      jobs.push({ kind, texts: texts.slice(start, at), options, truncation })
    }
    const results = new Array<Result>(jobs.length)
    if (this.threads.length === 0) {
      jobs.forEach((job, i) => {
        results[i] = work(this.tokenizer, job)
      })
      this.tokenizer.padding = padding
    } else {
      let next = 0
      const drain = async (thread: Thread) => {
        while (next < jobs.length) {
          const i = next++
          results[i] = await thread.run(jobs[i])
        }
      }
      await Promise.all(this.threads.flatMap(thread => [drain(thread), drain(thread)]))
    }
    for (const result of results) if (result.kind === 'error') throw new TokenizerError(result.message)
    return results
  }
}
