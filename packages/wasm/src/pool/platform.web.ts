// The pool's host in browsers.

import type { Platform } from './platform.ts'
import type { Report } from './worker-source.ts'

/** A browser does not say when a terminated worker has ended, so it is asked first; this long it may finish a kernel. */
const patienceMs = 2000

export const platform: Platform = {
  cores: () => navigator.hardwareConcurrency || 1,

  startWorker(source, url, name, events) {
    const blob = url ? undefined : URL.createObjectURL(new Blob([source], { type: 'text/javascript' }))
    const worker = new Worker(url ?? blob!, { name })
    const release = () => blob && URL.revokeObjectURL(blob)
    const stopped = Promise.withResolvers<void>()
    worker.onmessage = (event: MessageEvent<Report>) => {
      if (event.data === 'ready') release()
      if (event.data === 'stopped') stopped.resolve()
      events.report(event.data)
    }
    worker.onerror = event => {
      release()
      stopped.resolve()
      events.died(event.message || 'its script could not be loaded', event.error ?? undefined)
    }
    return {
      post: message => worker.postMessage(message),
      ref() {},
      unref() {},
      async stop() {
        setTimeout(stopped.resolve, patienceMs)
        await stopped.promise
        worker.terminate()
      },
    }
  },
}
