// The pool's host in Node (and Deno and Bun, which have its modules).

import { availableParallelism } from 'node:os'
import { SHARE_ENV, Worker, type WorkerOptions } from 'node:worker_threads'
import type { Platform } from './platform.ts'
import type { Report } from './worker-source.ts'

export const platform: Platform = {
  cores: availableParallelism,

  startWorker(source, url, name, events) {
    // No flags of the parent: --input-type or a loader would change how the text is read.
    const options: WorkerOptions = { name, execArgv: [], env: SHARE_ENV, trackUnmanagedFds: false }
    const worker = url ? new Worker(fileOf(url), options) : new Worker(source, { ...options, eval: true })
    let asked = false
    let cause: unknown
    worker.on('message', (report: Report) => events.report(report))
    worker.on('error', error => {
      cause = error
    })
    worker.on('exit', code => {
      if (!asked) events.died(cause === undefined ? `exit code ${code}` : String(cause), cause)
    })
    return {
      post: message => worker.postMessage(message),
      ref: () => worker.ref(),
      unref: () => worker.unref(),
      async stop() {
        asked = true
        await worker.terminate()
      },
    }
  },
}

/** Node takes paths and URL objects, not URL strings. */
function fileOf(url: string | URL): string | URL {
  return typeof url === 'string' && /^(file|data):/.test(url) ? new URL(url) : url
}
