// Adds, deletes and searches in random order, each search compared with a twin that keeps a plain list and looks at all of it.

import { expect } from 'vitest'
import { random } from '../../dense/testing/data.ts'
import { mayRead } from '../collection.ts'
import { matches } from '../filter.ts'
import type { DocumentInput, SearchRequest, Store } from '../store.ts'

export const SOAK_DIMENSIONS = 12

interface SoakOptions {
  readonly steps: number
  readonly seed: number
  /** Closes the store and opens it again: called now and then. */
  readonly reopen?: (store: Store) => Promise<Store>
}

/** @returns the store that was open last */
export async function soak(store: Store, { steps, seed, reopen }: SoakOptions): Promise<Store> {
  const next = random(seed)
  const upTo = (n: number): number => Math.floor(next() * n)
  const vector = (): number[] => Array.from({ length: SOAK_DIMENSIONS }, () => next() - 0.5)
  const twin = new Map<string, DocumentInput>()
  const makeDocument = (): DocumentInput => ({
    id: `d${upTo(300)}`,
    metadata: { group: upTo(5) },
    ...(upTo(3) === 0 && { principals: [`p${upTo(3)}`] }),
    chunks: Array.from({ length: 1 + upTo(3) }, () => ({
      text: `w${upTo(40)} w${upTo(40)} w${upTo(400)}`,
      span: [0, 1] as const,
      ...(upTo(8) && { vector: vector() }),
    })),
  })
  const visible = ({
    access = [],
    filter,
  }: SearchRequest): { id: string; chunk: number; input: DocumentInput['chunks'][number] }[] =>
    [...twin.values()].flatMap(({ id, principals, metadata = {}, chunks }) =>
      mayRead(principals, access) && (!filter || matches(filter, metadata))
        ? chunks.map((input, chunk) => ({ id, chunk, input }))
        : [],
    )
  const name = (hit: { id: string; chunk: number }): string => `${hit.id} ${hit.chunk}`

  for (let step = 0; step < steps; step++) {
    const where = `seed ${seed}, step ${step}`
    const kind = upTo(10)
    if (kind < 4) {
      const documents = [...new Map([makeDocument(), makeDocument()].map(d => [d.id, d])).values()]
      await store.put(documents)
      for (const document of documents) twin.set(document.id, document)
    } else if (kind < 6) {
      const id = `d${upTo(300)}`
      expect(await store.delete([id]), where).toBe(twin.delete(id) ? 1 : 0)
    } else if (kind === 9 && upTo(25) === 0 && reopen) store = await reopen(store)
    else {
      const shared = {
        k: 1 + upTo(8),
        access: upTo(2) ? ['p1'] : ('unrestricted' as const),
        ...(upTo(2) && { filter: { field: 'group', lt: upTo(6) } }),
      }
      const query = vector()
      const norm = Math.hypot(...query)
      const near = visible({ ...shared, text: '' })
        .filter(({ input }) => input.vector)
        .map(({ input, ...rest }) => {
          const v = input.vector as number[]
          return { ...rest, score: v.reduce((sum, x, i) => sum + x * query[i], 0) / (norm * Math.hypot(...v)) }
        })
        .sort((a, b) => b.score - a.score)
        .slice(0, shared.k)
      const found = await store.search({ ...shared, vector: query })
      expect(found.map(name), where).toEqual(near.map(name))
      found.forEach((hit, i) => expect(hit.score, where).toBeCloseTo(near[i].score, 5))

      const word = `w${upTo(40)}`
      const having = visible({ ...shared, text: '' }).filter(({ input }) => input.text.split(' ').includes(word))
      const byWord = await store.search({ ...shared, k: 1000, text: word })
      expect(byWord.map(name).sort(), where).toEqual(having.map(name).sort())
    }
    if (step % 100 === 99) {
      const chunks = [...twin.values()].reduce((sum, document) => sum + document.chunks.length, 0)
      expect(await store.statistics(), where).toEqual({ documents: twin.size, versions: twin.size, chunks })
    }
  }
  expect(await store.verify()).toEqual([])
  return store
}
