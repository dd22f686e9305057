// The embedded store in a browser: `@cairn/rag/sqlite-wasm`. A worker of the page's own has SQLite and the indexes; the page has a
// `Store` that asks it.

import { RagError } from '../../errors.ts'
import { openOver } from '../sqlite/open.ts'
import type { Damage, Store } from '../store.ts'
import { openOpfsDriver } from './opfs-driver.ts'
import { type Answer, type BrowserStoreOptions, type Call, type Method, readError, writeError } from './protocol.ts'

export type { BrowserStoreOptions }

/** What of a dedicated worker's global scope is used. */
interface WorkerScope {
  postMessage(message: unknown): void
  addEventListener(type: 'message', listener: (event: MessageEvent) => void): void
}

/** Makes a worker one that has a store: the one line of the module that `new Worker` starts. */
export function serveStore(scope: WorkerScope = globalThis as unknown as WorkerScope): void {
  let store: Store | undefined
  const answer = (message: Answer) => scope.postMessage(message)
  scope.addEventListener('message', async ({ data }: MessageEvent<Call>) => {
    const { id } = data
    try {
      if ('open' in data) {
        const onDamage = (damage: Damage) => answer({ damage })
        store = await openOver(await openOpfsDriver(data.open), { ...data.options, onDamage })
        return answer({ id, result: undefined })
      }
      if (!store) throw new RagError(`${data.method}: no store is open`)
      const method = store[data.method] as (...args: unknown[]) => Promise<unknown>
      answer({ id, result: await method.apply(store, [...data.args]) })
    } catch (error) {
      answer({ id, error: writeError(error) })
    }
  })
}

/**
 * Opens the store in a browser, in its private file system. One worker has a store at a time; a second one that opens it is refused.
 * @param worker runs `serveStore()`; it is this store's own and ends with it
 * @param name of the store at this origin, or `:memory:`
 * @param onDamage told when a damaged index is made again from the documents
 * @throws RagFormatError if the file is not a store or its documents are damaged, RagArgumentError if it does not fit the options
 */
export async function openBrowserStore(
  worker: Worker,
  name: string,
  options: BrowserStoreOptions = {},
  onDamage: (damage: Damage) => void = () => {},
): Promise<Store> {
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: unknown): void }>()
  let next = 0
  let ended: Error | undefined
  const end = (error: Error): void => {
    ended ??= error
    worker.terminate()
    for (const { reject } of waiting.values()) reject(error)
    waiting.clear()
  }
  worker.addEventListener('message', ({ data }: MessageEvent<Answer>) => {
    if ('damage' in data) return onDamage(data.damage)
    const call = waiting.get(data.id)
    waiting.delete(data.id)
    if ('error' in data) call?.reject(readError(data.error))
    else call?.resolve(data.result)
  })
  worker.addEventListener('error', event => end(new RagError(`sqlite store: its worker failed: ${event.message}`)))
  const send = (
    call: { open: string; options: BrowserStoreOptions } | { method: Method; args: readonly unknown[] },
  ) => {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    if (ended) reject(ended)
    else {
      const id = next++
      waiting.set(id, { resolve, reject })
      try {
        worker.postMessage({ id, ...call })
      } catch (error) {
        waiting.delete(id)
        reject(error)
      }
    }
    return promise
  }
  const ask =
    <M extends Method>(method: M) =>
    (...args: Parameters<Store[M]>): ReturnType<Store[M]> =>
      send({ method, args }) as ReturnType<Store[M]>
  try {
    await send({ open: name, options })
  } catch (error) {
    end(error as Error)
    throw error
  }
  let closing: Promise<void> | undefined
  const close = () => (closing ??= ask('close')().finally(() => end(new RagError('sqlite store: the store is closed'))))
  return {
    kind: 'sqlite',
    put: ask('put'),
    delete: ask('delete'),
    get: ask('get'),
    search: ask('search'),
    statistics: ask('statistics'),
    list: ask('list'),
    verify: ask('verify'),
    close,
    [Symbol.asyncDispose]: close,
  }
}
