// The tests that every store passes, whatever it is made of.

import { describe, expect, test } from 'vitest'
import { RagArgumentError, RagError } from '../../errors.ts'
import { type Filter, type Metadata, matches } from '../filter.ts'
import type { DocumentInput, Hit, SearchRequest, Store } from '../store.ts'

export interface SuiteOptions {
  /** What the engine cannot do, by the reason that the skipped test's title gives. */
  readonly without?: { readonly atomic?: string }
}

const ids = (hits: readonly Hit[]): string[] => hits.map(hit => hit.id)
const sorted = (hits: readonly Hit[]): string[] => [...new Set(ids(hits))].sort()

const document = (
  id: string,
  text: string,
  rest: Partial<DocumentInput> & { vector?: number[] } = {},
): DocumentInput => {
  const { vector, ...more } = rest
  return { id, chunks: [{ text, span: [0, text.length], ...(vector && { vector }) }], ...more }
}

/** Stores open with vectors of three numbers and the metric cosine, empty. */
export function storeSuite(name: string, open: () => Promise<Store>, { without = {} }: SuiteOptions = {}): void {
  const using = (body: (store: Store) => Promise<void>) => async () => {
    const store = await open()
    try {
      await body(store)
    } finally {
      await store.close()
    }
  }
  const all = { k: 100, access: 'unrestricted' } as const

  describe(`${name}: a store`, () => {
    test(
      'gives back what was put',
      using(async store => {
        const full: DocumentInput = {
          id: 'dir/Ein "Name" \u{1f642}',
          version: 3,
          source: 'file:///a%20b.md',
          title: "It's",
          metadata: { lang: 'de', year: 2021, draft: false, tags: ['a', 'b'], score: -1.5 },
          validFrom: 1000,
          validUntil: 9_000_000_000_000,
          principals: ['group:red', 'anna'],
          chunks: [
            {
              text: 'Der erste Absatz über Käse.\nZweite Zeile',
              span: [0, 40],
              vector: [1, 0, 0],
              metadata: { page: 1 },
            },
            { text: '', span: [40, 40] },
            { text: 'Und noch einer', span: [41, 55], vector: [0, 2, 0], metadata: { page: 2 } },
          ],
        }
        await store.put([full, document('bare', 'nothing else')])
        const { chunks, ...rest } = full
        const bare = chunks.map(({ vector: _, ...chunk }) => chunk)
        expect(await store.get(full.id, { access: ['anna'] })).toEqual({ ...rest, chunks: bare })
        expect(await store.get('bare')).toEqual({ ...document('bare', 'nothing else'), version: 0 })
        expect(await store.get('missing')).toBeUndefined()
        expect(await store.statistics()).toEqual({ documents: 2, versions: 2, chunks: 4 })
        const { chunks: _, ...bareHead } = document('bare', 'nothing else')
        const list = (await store.list()).sort((a, b) => (a.id < b.id ? -1 : 1))
        expect(list).toEqual([{ ...bareHead, version: 0 }, rest].sort((a, b) => (a.id < b.id ? -1 : 1)))
        const [hit] = await store.search({ vector: [0, 1, 0.1], k: 1, access: ['group:red'] })
        expect(hit).toMatchObject({
          id: full.id,
          version: 3,
          chunk: 2,
          text: 'Und noch einer',
          span: [41, 55],
          source: full.source,
          title: full.title,
          metadata: { ...full.metadata, page: 2 },
        })
        expect(await store.verify()).toEqual([])
      }),
    )

    test(
      'replaces, and deletes documents and versions',
      using(async store => {
        await store.put([
          document('a', 'alpha words', { vector: [1, 0, 0] }),
          document('b', 'beta words', { vector: [0, 1, 0] }),
        ])
        await store.put([
          document('a', 'gamma words', { vector: [0, 0, 1] }),
          document('a', 'delta words', { version: 2 }),
        ])
        expect(await store.statistics()).toEqual({ documents: 2, versions: 3, chunks: 3 })
        expect(ids(await store.search({ text: 'alpha' }))).toEqual([])
        expect(ids(await store.search({ text: 'gamma', versions: 'all' }))).toEqual(['a'])
        expect(ids(await store.search({ text: 'delta' }))).toEqual(['a'])
        expect(sorted(await store.search({ vector: [1, 0, 0], versions: 'all', ...all }))).toEqual(['a', 'b'])
        expect(await store.delete([{ id: 'a', version: 2 }])).toBe(1)
        expect(await store.delete([{ id: 'a', version: 2 }, 'missing'])).toBe(0)
        expect(ids(await store.search({ text: 'gamma' }))).toEqual(['a'])
        expect(await store.delete(['a', 'b'])).toBe(2)
        expect(await store.search({ text: 'words' })).toEqual([])
        expect(await store.search({ vector: [1, 0, 0] })).toEqual([])
        expect(await store.statistics()).toEqual({ documents: 0, versions: 0, chunks: 0 })
        await store.put([document('a', 'alpha words')])
        expect(ids(await store.search({ text: 'alpha' }))).toEqual(['a'])
      }),
    )

    test(
      'shows the version that holds at a moment',
      using(async store => {
        const v = (version: number, validFrom?: number, validUntil?: number) =>
          document('law', `paragraph number${version}`, { version, validFrom, validUntil, vector: [1, version, 0] })
        await store.put([v(1), v(2, 1000, 2000), v(3, 1500, 1800), v(4, 5000)])
        for (const [at, newest, valid] of [
          [0, [1], [1]],
          [999, [1], [1]],
          [1000, [2], [1, 2]],
          [1500, [3], [1, 2, 3]],
          [1800, [2], [1, 2]],
          [2000, [1], [1]],
          [5000, [4], [1, 4]],
        ] as const) {
          const versions = async (request: SearchRequest) =>
            [...new Set((await store.search(request)).map(hit => hit.version))].sort()
          for (const query of [{ text: 'paragraph' }, { vector: [1, 1, 0] }]) {
            expect(await versions({ ...query, at, k: 20 })).toEqual(newest)
            expect(await versions({ ...query, at, k: 20, versions: 'valid' })).toEqual(valid)
            expect(
              (await store.search({ ...query, at, k: 20, versions: 'all' })).map(hit => hit.version).sort(),
            ).toEqual([1, 2, 3, 4])
          }
          expect((await store.get('law', { at }))?.version).toBe(newest[0])
          expect((await store.get('law', { at, versions: 'valid' }))?.version).toBe(valid.at(-1))
        }
        await store.delete([{ id: 'law', version: 3 }])
        expect((await store.get('law', { at: 1600 }))?.version).toBe(2)
        expect((await store.search({ text: 'paragraph', at: 1600 })).map(hit => hit.version)).toEqual([2])
      }),
    )

    test(
      'shows nobody what is not for them, however well it matches',
      using(async store => {
        // Thirty better matches that the reader may not see stand before the one that they may.
        const secret = Array.from({ length: 30 }, (_, i) =>
          document(`secret${i}`, 'salary salary list', {
            principals: ['board', `chair${i}`],
            vector: [1, 0.001 * i, 0],
          }),
        )
        await store.put([
          ...secret,
          document('mine', 'a long text that has the word salary only once among many others', {
            principals: ['anna'],
            vector: [0, 1, 0],
          }),
          document('public', 'the word salary is here too, in an even longer text that everybody may read', {
            vector: [0, 1, 1],
          }),
          document('nobody', 'salary', { principals: [], vector: [1, 0, 0] }),
        ])
        for (const query of [{ text: 'salary' }, { vector: [1, 0, 0] }]) {
          expect(sorted(await store.search({ ...query, k: 5 }))).toEqual(['public'])
          expect(sorted(await store.search({ ...query, k: 5, access: [] }))).toEqual(['public'])
          expect(sorted(await store.search({ ...query, k: 5, access: ['anna', 'else'] }))).toEqual(['mine', 'public'])
          expect(sorted(await store.search({ ...query, k: 5, access: ['chair7'] }))).toEqual(['public', 'secret7'])
          expect((await store.search({ ...query, ...all })).length).toBe(33)
        }
        expect(await store.get('mine')).toBeUndefined()
        expect((await store.get('mine', { access: ['anna'] }))?.id).toBe('mine')
        expect(await store.get('nobody', { access: ['anna', 'board'] })).toBeUndefined()
        // A newer version that the reader may not see hides the older one: what is outdated must not come out instead.
        await store.put([
          document('public', 'salary now secret', { version: 1, principals: ['board'], vector: [0, 1, 1] }),
        ])
        expect(ids(await store.search({ text: 'salary' }))).toEqual([])
        expect(await store.get('public')).toBeUndefined()
        expect((await store.get('public', { versions: 'valid' }))?.version).toBe(0)
      }),
    )

    test(
      'means by every filter what `matches` means',
      using(async store => {
        const metadata: Metadata[] = [
          {},
          { lang: 'en', year: 2020, tags: ['x', 'y'], draft: true },
          { lang: 'de', year: 2021, tags: ['y'], draft: false },
          { lang: 'en', year: 2021.5, tags: [], 'odd "key"': "it's" },
          { lang: ['en', 'fr'], year: '2021', tags: [1, 2] },
          { lang: 'EN', year: -3, draft: 'true', 'a.b': 1 },
        ]
        await store.put(metadata.map((m, i) => document(`d${i}`, 'common text', { metadata: m, vector: [1, i, 1] })))
        const filters: Filter[] = [
          { field: 'lang', is: 'en' },
          { field: 'lang', in: ['de', 'fr'] },
          { field: 'lang', in: [] },
          { field: 'year', is: 2021 },
          { field: 'year', is: '2021' },
          { field: 'year', gte: 2020, lt: 2021.5 },
          { field: 'year', gt: -4, lte: 2020 },
          { field: 'year', exists: true },
          { field: 'tags', exists: false },
          { field: 'tags', is: 'y' },
          { field: 'tags', in: [2, 'x'] },
          { field: 'draft', is: true },
          { field: 'draft', is: 'true' },
          { field: 'odd "key"', is: "it's" },
          { field: 'a.b', is: 1 },
          { not: { field: 'lang', is: 'en' } },
          { not: { field: 'year', gte: 0 } },
          {
            and: [
              { field: 'lang', is: 'en' },
              { field: 'year', gte: 2021 },
            ],
          },
          {
            or: [
              { field: 'lang', is: 'de' },
              { and: [{ field: 'draft', is: true }, { not: { field: 'year', lt: 0 } }] },
            ],
          },
          { and: [] },
          { or: [] },
          { not: { or: [] } },
        ]
        for (const filter of filters) {
          const expected = metadata.flatMap((m, i) => (matches(filter, m) ? [`d${i}`] : []))
          for (const query of [{ text: 'common' }, { vector: [1, 1, 1] }])
            expect({ filter, found: sorted(await store.search({ ...query, filter, k: 50 })) }).toEqual({
              filter,
              found: expected,
            })
        }
      }),
    )

    test(
      'filters a passage by what holds for it, over what holds for its document',
      using(async store => {
        await store.put([
          {
            id: 'book',
            metadata: { lang: 'en', part: 'body' },
            chunks: [0, 1, 2].map(i => ({
              text: `page ${i}`,
              span: [10 * i, 10 * i + 6] as const,
              vector: [1, i, 0],
              ...(i === 2 && { metadata: { part: 'appendix' } }),
            })),
          },
        ])
        const chunks = async (filter: Filter) =>
          (await store.search({ text: 'page', filter })).map(hit => hit.chunk).sort()
        expect(await chunks({ field: 'part', is: 'body' })).toEqual([0, 1])
        expect(await chunks({ field: 'part', is: 'appendix' })).toEqual([2])
        expect(await chunks({ and: [{ field: 'lang', is: 'en' }, { not: { field: 'part', is: 'body' } }] })).toEqual([
          2,
        ])
      }),
    )

    test(
      'ranks by words and by vectors',
      using(async store => {
        const texts = [
          'the cat sat on the mat',
          'dogs and cats',
          'a dog barked',
          'the cat and the cat and the cat',
          'weather',
        ]
        await store.put(texts.map((text, i) => document(`t${i}`, text, { vector: [Math.cos(i), Math.sin(i), 0.2] })))
        expect(ids(await store.search({ text: 'cat', k: 1 }))).toEqual(['t3'])
        expect(sorted(await store.search({ text: 'barked weather' }))).toEqual(['t2', 't4'])
        expect(await store.search({ text: 'zebra' })).toEqual([])
        expect(await store.search({ text: '' })).toEqual([])
        for (const angle of [0.3, 2.2, 4.2]) {
          const hits = await store.search({ vector: [Math.cos(angle), Math.sin(angle), 0.2] })
          const nearest = texts
            .map((_, i) => ({ id: `t${i}`, far: -Math.cos(angle - i) }))
            .sort((a, b) => a.far - b.far)
          expect(ids(hits)).toEqual(nearest.map(({ id }) => id))
          expect(hits.every((hit, i) => i === 0 || hit.score <= hits[i - 1].score)).toBe(true)
        }
      }),
    )

    test(
      'refuses bad input by type and name',
      using(async store => {
        await store.put([document('a', 'alpha', { vector: [1, 0, 0] })])
        const put = (d: unknown) => store.put([d as DocumentInput])
        const search = (r: unknown) => store.search(r as SearchRequest)
        for (const [attempt, message] of [
          [() => put(document('b', 'x', { vector: [1, 0] })), /2 numbers.*3/],
          [() => put(document('b', 'x', { vector: [1, Number.NaN, 0] })), /element 1 of a vector is NaN/],
          [() => put(document('b', 'x', { vector: [0, 0, 0] })), /zeros/],
          [() => put(document('', 'x')), /the id of a document/],
          [() => put(document('b', 'x\0y')), /chunk 0/],
          [() => put(document('b', 'x\ud800')), /chunk 0/],
          [() => put(document('b', 'x', { version: 1.5 })), /version is 1.5/],
          [() => put(document('b', 'x', { metadata: { deep: { er: 1 } } as never })), /"deep"/],
          [() => put(document('b', 'x', { principals: 'anna' as never })), /principals/],
          [() => put(document('b', 'x', { validFrom: 5, validUntil: 5 })), /valid from 5/],
          [() => put({ id: 'b', chunks: [{ text: 'x', span: [3, 1] }] }), /span/],
          [() => store.put([document('b', 'x'), document('b', 'y')]), /twice/],
          [() => search({ vector: [1, 2] }), /2 numbers.*3/],
          [() => search({ vector: [1, Number.NaN, 2] }), /element 1/],
          [() => search({}), /neither text nor vector|neither/],
          [() => search({ text: 'x', vector: [1, 0, 0] }), /both/],
          [() => search({ text: 'x', k: 0 }), /k is 0/],
          [() => search({ text: 'x', filter: { field: 'a', is: null } }), /filter has is: null/],
          [() => search({ text: 'x', filter: { field: 'a', gte: '3' } }), /gte/],
          [() => search({ text: 'x', filter: { and: [{ field: 'a', like: 'b' }] } }), /filter\.and\[0\]/],
          [() => search({ text: 'x', filter: 'lang = en' }), /filter is "lang = en"/],
          [() => search({ text: 'x', access: 'anna' }), /access is "anna"/],
          [() => search({ text: 'y'.repeat(1_000_000) }), /1000000 characters/],
        ] as const) {
          const error = await attempt().then(
            () => undefined,
            e => e as Error,
          )
          expect(error, String(attempt)).toBeInstanceOf(RagArgumentError)
          expect(error!.message).toMatch(message)
        }
        expect(await store.statistics()).toEqual({ documents: 1, versions: 1, chunks: 1 })
      }),
    )

    test.skipIf(without.atomic)(
      `puts all of a call or none${without.atomic ? ` (skipped: ${without.atomic})` : ''}`,
      using(async store => {
        const bad = [document('a', 'one'), document('b', 'two', { vector: [1] })]
        await expect(store.put(bad)).rejects.toThrow(RagArgumentError)
        expect(await store.statistics()).toEqual({ documents: 0, versions: 0, chunks: 0 })
      }),
    )

    test('says so after it was closed', async () => {
      const store = await open()
      await store.close()
      await expect(store.search({ text: 'x' })).rejects.toThrow(RagError)
      await store.close()
    })
  })
}
