import { describe, expect, test } from 'vitest'
import { Analyzer, createAnalyzer } from '../analysis/analyzer.ts'
import { Synonyms } from '../analysis/synonyms.ts'
import { RagArgumentError, RagFormatError } from '../errors.ts'
import { plainBm25 } from '../testing/plain-bm25.ts'
import { randomFrom, zipfText, zipfWord } from '../testing/random.ts'
import { type Bm25Variant, bm25Variants } from './bm25.ts'
import { LexicalIndex } from './lexical-index.ts'
import { parseQuery } from './parse-query.ts'
import type { Query } from './query.ts'
import type { LexicalSearchOptions } from './search.ts'

/** Splits at spaces and leaves words as they are. */
const plain = new Analyzer({ language: 'none', stem: null, stopWords: [], foldAccents: false, charNgrams: null }, null)
const english = await createAnalyzer()
const parameters: Record<Bm25Variant, number> = { lucene: 0, robertson: 0, atire: 0, bm25l: 0.5, 'bm25+': 1 }

const indexOf = (texts: readonly string[], analyzer = plain) => {
  const index = new LexicalIndex({ analyzer })
  texts.forEach((text, i) => index.add({ id: `d${i}`, text }))
  return index
}
const ids = (index: LexicalIndex, query: Query, options: LexicalSearchOptions = {}) =>
  index.search(query, { k: 1000, ...options }).map(hit => hit.id)

describe('BM25', () => {
  test.each(bm25Variants)('%s is its published formula', variant => {
    const random = randomFrom(11)
    const texts = Array.from({ length: 300 }, () => zipfText(random, 80, Math.floor(random() * 40)))
    const index = indexOf(texts)
    const documents = texts.map(text => text.split(' '))
    documents.forEach((words, i) => {
      if (texts[i] === '') words.length = 0
    })
    for (let round = 0; round < 20; round++) {
      const query = zipfText(random, 80, 1 + (round % 4))
      const [k1, b] = [0.5 + random() * 2, random()]
      const delta = parameters[variant]
      const expected = plainBm25(documents, query.split(' '), variant, { k1, b, delta })
      const hits = index.search(query, { k: 1000, bm25: { variant, k1, b } })
      const matching = documents.filter(words => query.split(' ').some(word => words.includes(word))).length
      expect(hits.length).toBe(matching)
      for (const { id, score } of hits) expect(score).toBeCloseTo(expected[Number(id.slice(1))], 9)
    }
  })

  // Scores of bm25s (the Python package, in double precision), which has a value for absent terms and none below 0.
  test.each<[Bm25Variant, string, number[]]>([
    ['lucene', 'cat and swims', [0.47872444905185574, 0.10798623247456876, 0, 0.5967266679564214, 0.9809898572797981]],
    ['robertson', 'cat swims', [0.1384837501206278, 0, 0, 0.1726190231964539, 0.32382290441740785]],
    ['atire', 'cat and swims', [1.1724082656600538, 0.20940157308078336, 0, 1.4613986798407885, 2.473052649699272]],
    ['bm25l', 'cat and swims', [2.024557094268725, 1.4417190067524743, 0, 2.2367447837104732, 2.842306099405184]],
    ['bm25+', 'cat and swims', [2.8489485950321844, 1.6818399588354254, 0, 3.230422065040459, 4.432400103407165]],
  ])('%s gives what bm25s gives', (variant, query, expected) => {
    const index = indexOf([
      'a cat is a feline and likes to purr',
      'a dog is the human best friend and loves to play',
      'a bird is a beautiful animal that can fly',
      'a fish is a creature that lives in water and swims and swims',
      'the cat and the dog swims',
    ])
    const hits = index.search(query, { bm25: { variant, k1: 1.5, b: 0.75, delta: 0.5, absent: 'formula' } })
    const scores = [0, 0, 0, 0, 0]
    for (const { id, score } of hits) scores[Number(id[1])] = score
    expect(scores).toEqual(expected.map(score => expect.closeTo(score, 10)))
  })

  test('absent terms by the formula of BM25S', () => {
    const index = indexOf(['a b', 'a', 'c'])
    const [k1, b, delta] = [1.5, 0.75, 0.5]
    const hits = index.search('a b', { bm25: { variant: 'bm25l', k1, b, delta, absent: 'formula' } })
    // d1 has no b: its share is idf * (k1 + 1) * delta / (k1 + delta).
    const B = 1 - b + (b * 1) / (4 / 3)
    const share = (n: number, c: number) => Math.log(4 / (n + 0.5)) * (((k1 + 1) * (c + delta)) / (k1 + c + delta))
    expect(hits.find(hit => hit.id === 'd1')!.score).toBeCloseTo(share(2, 1 / B) + share(1, 0), 9)
  })

  test('fields are weighted inside the saturation (BM25F)', () => {
    const index = new LexicalIndex({ analyzer: plain, fields: { title: { weight: 3, b: 0.4 }, body: {} } })
    index.add({ id: 'x', text: { title: 'a b', body: 'a a c d' } })
    index.add({ id: 'y', text: { title: 'c', body: 'b d' } })
    const [hit] = index.search('a')
    const T = (3 * 1) / (1 - 0.4 + (0.4 * 2) / 1.5) + 2 / (1 - 0.75 + (0.75 * 4) / 3)
    expect(hit.score).toBeCloseTo(Math.log(1 + 1.5 / 1.5) * (T / (T + 1.2)), 12)
    expect(ids(index, 'b', { weights: { title: 0 } })).toEqual(['y'])
    expect(ids(index, { text: 'b', field: 'title' })).toEqual(['x'])
  })

  test('counts past what a byte, and two, can hold', () => {
    const index = indexOf([`${'a '.repeat(300)}b`, `${'a '.repeat(70_000)}b c`, 'a c'])
    const documents = [300, 70_000, 1].map((n, i) => [...Array<string>(n).fill('a'), ...[['b'], ['b', 'c'], ['c']][i]])
    const expected = plainBm25(documents, ['a'], 'lucene', { k1: 1.2, b: 0.75, delta: 0 })
    for (const { id, score } of index.search('a')) expect(score).toBeCloseTo(expected[Number(id[1])], 12)
  })
})

describe('pruning', () => {
  test.each([
    [1, 'lucene'],
    [2, 'robertson'],
    [3, 'bm25l'],
    [4, 'bm25+'],
    [5, 'atire'],
  ] as const)('finds the same to the last bit (seed %d, %s)', (seed, variant) => {
    const random = randomFrom(seed)
    const index = new LexicalIndex({
      analyzer: plain,
      fields: seed % 2 ? { text: {} } : { title: { weight: 2 }, text: { b: 0.5 } },
    })
    // More documents than fit a window, in several parts, some of them dead.
    for (let i = 0; i < 14_000; i++) {
      const text = zipfText(random, 3000, 3 + Math.floor(random() * 20))
      index.add({ id: `d${i}`, text: seed % 2 ? text : { title: zipfText(random, 3000, 3), text } })
      if (i === 10_000 || i === 12_500) index.flush()
    }
    for (let i = 0; i < 1500; i++) index.delete(`d${Math.floor(random() * 14_000)}`)
    index.flush()
    expect(index.parts().length).toBeGreaterThan(1)
    for (let round = 0; round < 60; round++) {
      const query = zipfText(random, 3000, 1 + Math.floor(random() * 6))
      const options: LexicalSearchOptions = {
        k: [1, 10, 100][round % 3],
        bm25: { variant, b: round % 5 ? 0.75 : 0, k1: 0.3 + random() },
        ...(round % 4 === 0 && { accept: (id: string) => Number(id.slice(1)) % 10 === 3 }),
      }
      expect(index.search(query, options), query).toEqual(index.search(query, { ...options, prune: false }))
    }
  })
})

describe('changes', () => {
  test('an index that lived through them equals one that is made anew', () => {
    for (const seed of [21, 22, 23]) {
      const random = randomFrom(seed)
      const lived = new LexicalIndex({ analyzer: plain })
      const truth = new Map<string, string>()
      for (let step = 0; step < 1500; step++) {
        const id = `d${Math.floor(random() * 200)}`
        if (random() < 0.7) {
          const text = zipfText(random, 60, Math.floor(random() * 12))
          lived.add({ id, text })
          truth.delete(id)
          truth.set(id, text)
        } else expect(lived.delete(id), `seed ${seed}`).toBe(truth.delete(id))
        if (step % 100 === 99) {
          expect(lived.size).toBe(truth.size)
          const anew = new LexicalIndex({ analyzer: plain })
          for (const [id, text] of truth) anew.add({ id, text })
          for (let q = 0; q < 5; q++) {
            const query = zipfText(random, 60, 3)
            const sorted = (index: LexicalIndex) =>
              index.search(query, { k: 500 }).sort((a, b) => (a.id < b.id ? -1 : 1))
            expect(sorted(lived), `seed ${seed}`).toEqual(sorted(anew))
          }
          lived.search('w1')
        }
      }
      expect(lived.parts().length).toBeLessThan(12)
      const before = lived.search('w1 w2')
      lived.optimize()
      expect(lived.parts().length).toBe(1)
      expect(lived.search('w1 w2')).toEqual(before)
    }
  })

  test('one document replaced again and again leaves few parts', () => {
    const index = indexOf(Array.from({ length: 50 }, (_, i) => `a w${i}`))
    for (let i = 0; i < 500; i++) index.add({ id: 'd7', text: `a v${i}` })
    expect(index.parts().length).toBeLessThan(10)
    expect(ids(index, 'a')).toHaveLength(50)
    expect(ids(index, 'v498 v499')).toEqual(['d7'])
    expect(index.search('v499')[0].score).toBeGreaterThan(0)
    expect(ids(index, 'v3')).toEqual([])
  })

  test('replaces, and forgets', () => {
    const index = indexOf(['a', 'b'])
    index.add({ id: 'd0', text: 'b b' })
    expect(ids(index, 'a')).toEqual([])
    expect(ids(index, 'b')).toHaveLength(2)
    expect(index.delete('d0')).toBe(true)
    expect(index.delete('d0')).toBe(false)
    index.delete('d1')
    expect(ids(index, 'b')).toEqual([])
    expect(index.size).toBe(0)
    index.add({ id: 'd1', text: 'b' })
    expect(ids(index, 'b')).toEqual(['d1'])
  })
})

describe('queries', () => {
  const index = new LexicalIndex({ analyzer: english, fields: { title: { weight: 2 }, text: {} } })
  index.add({
    id: 'ny',
    text: { title: 'New York', text: 'The city of New York never sleeps' },
    metadata: { lang: 'en', year: 1990, tags: ['us', 'city'] },
  })
  index.add({
    id: 'york',
    text: { title: 'York', text: 'An old city; the new one is elsewhere' },
    metadata: { lang: 'en', year: 2001, tags: ['uk', 'city'] },
  })
  index.add({
    id: 'de',
    text: { title: 'Neustadt', text: 'A new city of retrieval' },
    metadata: { lang: 'de', tags: ['city'] },
  })
  index.add({ id: 'none', text: { text: 'retrieving documents' } })
  const sorted = (query: Query, options: LexicalSearchOptions = {}) => ids(index, query, options).sort()

  test.each<[string, Query, string[]]>([
    ['a bag', 'new york', ['de', 'ny', 'york']],
    ['stems', 'retrieves', ['de', 'none']],
    ['a phrase', { phrase: 'new york' }, ['ny']],
    ['a phrase with a stop word', { phrase: 'city of new york' }, ['ny']],
    ['a phrase in a field', { phrase: 'new york', field: 'title' }, ['ny']],
    ['a phrase that is not there', { phrase: 'york new' }, []],
    ['a phrase with slop', { phrase: 'old new', slop: 1 }, ['york']],
    ['a phrase with too little slop', { phrase: 'old new' }, []],
    ['and', { and: ['new', 'old'] }, ['york']],
    ['and with a stop word', { and: ['the', 'old'] }, ['york']],
    ['not', { and: ['city', { not: 'old' }] }, ['de', 'ny']],
    ['not alone', { not: 'city' }, ['none']],
    ['or with not', { or: ['old', { not: 'city' }] }, ['none', 'york']],
    ['a prefix', { prefix: 'Neu' }, ['de']],
    ['a fuzzy word', { fuzzy: 'retreival' }, ['de', 'none']],
    ['a field', { text: 'york', field: 'text' }, ['ny']],
    ['nothing', '', []],
    ['stop words only', 'the of', []],
    ['unknown words', 'xylophone', []],
  ])('%s', (_, query, expected) => {
    expect(sorted(query)).toEqual(expected)
  })

  test('options of words', () => {
    expect(sorted('retreival')).toEqual([])
    expect(sorted('retreival', { fuzzy: true })).toEqual(['de', 'none'])
    expect(sorted('sle')).toEqual([])
    expect(sorted('sle', { prefix: true })).toEqual(['ny'])
    const synonyms = new Synonyms([['town', 'city']], english)
    expect(sorted('towns', { synonyms })).toEqual(['de', 'ny', 'york'])
    expect(index.queryTerms('Cities retreival', { fuzzy: true })).toEqual(['citi', 'retriev'])
  })

  test('filters and facets', () => {
    expect(sorted('city', { filter: { field: 'lang', is: 'en' } })).toEqual(['ny', 'york'])
    expect(sorted('city', { filter: { field: 'year', gt: 1995 } })).toEqual(['york'])
    expect(sorted('city', { accept: id => id.length === 2 })).toEqual(['de', 'ny'])
    const { total, facets } = index.facets('city retrieval', ['lang', 'tags'])
    expect(total).toBe(4)
    expect([...facets.get('lang')!]).toEqual([['en', 2], ['de', 1]]) // biome-ignore format: a table
    expect(facets.get('tags')!.get('city')).toBe(3)
    expect(index.facets({ phrase: 'new york' }, []).total).toBe(1)
    expect(index.search('york', { k: 1 })[0].metadata).toEqual({ lang: 'en', year: 2001, tags: ['uk', 'city'] })
  })

  test('boolean queries match what their definition says', () => {
    const random = randomFrom(5)
    const texts = Array.from({ length: 400 }, () => zipfText(random, 30, 1 + Math.floor(random() * 8)))
    const index = indexOf(texts)
    for (let i = 0; i < 400; i += 7) index.delete(`d${i}`)
    const make = (depth: number): Query => {
      const kind = random()
      if (depth === 0 || kind < 0.3) return zipfWord(random, 30)
      if (kind < 0.45) return { phrase: `${zipfWord(random, 12)} ${zipfWord(random, 12)}` }
      if (kind < 0.6) return { not: make(depth - 1) }
      const of = Array.from({ length: 1 + Math.floor(random() * 3) }, () => make(depth - 1))
      return kind < 0.8 ? { and: of } : { or: of }
    }
    const holds = (query: Query, words: string[]): boolean => {
      if (typeof query === 'string') return words.includes(query)
      if ('phrase' in query) return ` ${words.join(' ')} `.includes(` ${query.phrase} `)
      if ('not' in query) return !holds(query.not, words)
      if ('and' in query) return query.and.every(inner => holds(inner, words))
      if ('or' in query) return query.or.some(inner => holds(inner, words))
      throw new Error('not made here')
    }
    for (let round = 0; round < 200; round++) {
      const query = make(3)
      const expected = texts.map((_, i) => i).filter(i => i % 7 && holds(query, texts[i].split(' ')))
      const found = ids(index, query)
        .map(id => Number(id.slice(1)))
        .sort((a, b) => a - b)
      expect(found, JSON.stringify(query)).toEqual(expected)
    }
  })

  test('lines of a search box', () => {
    const fields = ['title', 'text']
    const cases: [string, Query][] = [
      ['new york', { or: ['new', 'york'] }],
      ['city', 'city'],
      ['"new york"', { phrase: 'new york' }],
      ['title:york', { text: 'york', field: 'title' }],
      ['title:"new york"~2', { phrase: 'new york', field: 'title', slop: 2 }],
      ['nofield:york', 'nofield york'],
      ['sle*', { prefix: 'sle' }],
      ['yrok~1', { fuzzy: 'yrok', edits: 1 }],
      ['city -old', { and: ['city', { not: 'old' }] }],
      ['a AND b', { and: ['a', 'b'] }],
      ['a OR b', { or: ['a', 'b'] }],
      ['+a b', { and: ['a', { or: ['a', 'b'] }] }],
      ['(a OR b) AND c', { and: [{ or: ['a', 'b'] }, 'c'] }],
      ['', ''],
      ['((("', ''],
    ]
    for (const [line, query] of cases) expect(parseQuery(line, fields), line).toEqual(query)
    const random = randomFrom(77)
    const pieces = [
      'a',
      '"',
      '(',
      ')',
      '+',
      '-',
      '~',
      '*',
      ':',
      'AND',
      'OR',
      'NOT',
      ' ',
      'title:',
      '"b c"',
      '\u{1F600}',
      'é',
    ]
    for (let round = 0; round < 3000; round++) {
      const line = Array.from({ length: round % 9 }, () => pieces[Math.floor(random() * pieces.length)]).join(
        random() < 0.5 ? ' ' : '',
      )
      expect(() => index.search(parseQuery(line, fields)), line).not.toThrow()
    }
    expect(ids(index, parseQuery('+city -old "new york"', fields))).toEqual(['ny', 'de'])
  })
})

describe('feedback', () => {
  test.each(['rm3', 'bo1'] as const)('%s finds documents that share words with the best ones', model => {
    const index = indexOf([
      'wing lift drag flow', 'wing lift flow shock', 'lift flow shock drag', 'poem rhyme verse', 'bread flour water', 'x y z',
    ]) // biome-ignore format: one list
    expect(ids(index, 'wing')).toEqual(['d0', 'd1'])
    const found = ids(index, 'wing', { feedback: { model, documents: 2, terms: 4 } })
    expect(found.slice(0, 2).sort()).toEqual(['d0', 'd1'])
    expect(found[2]).toBe('d2')
    expect(found).toHaveLength(3)
    expect(ids(index, 'nothing', { feedback: true })).toEqual([])
  })
})

describe('segments', () => {
  const make = () => {
    const random = randomFrom(8)
    const index = new LexicalIndex({ analyzer: english, fields: { title: {}, text: {} } })
    for (let i = 0; i < 500; i++) {
      index.add({
        id: `ü${i}`,
        text: { title: `Titel ${zipfWord(random, 20)}`, text: zipfText(random, 200, 20) },
        ...(i % 3 && { metadata: { i } }),
      })
      if (i === 350) index.flush()
    }
    for (let i = 0; i < 500; i += 9) index.delete(`ü${i}`)
    return index
  }
  const options = { analyzer: english, fields: { title: {}, text: {} } }

  test('are read as they were written', () => {
    const index = make()
    const saved = index.save()
    expect(saved.length).toBeGreaterThan(1)
    const loaded = LexicalIndex.load(saved, options)
    expect(loaded.size).toBe(index.size)
    for (const query of ['w1 w5', 'titel', 'w100'])
      expect(loaded.search(query, { k: 50 })).toEqual(index.search(query, { k: 50 }))
    expect(loaded.search({ phrase: 'w0 w1' })).toEqual(index.search({ phrase: 'w0 w1' }))
    // A part that is read twice replaces itself.
    loaded.addPart(saved[0])
    expect(loaded.size).toBe(index.size)
  })

  test('a revision tells whether a part must be saved again', () => {
    const index = make()
    const before = index.parts()
    index.delete('ü100')
    const after = index.parts()
    expect(after.map(part => part.serial)).toEqual(before.map(part => part.serial))
    expect(after.filter((part, i) => part.revision !== before[i].revision)).toHaveLength(1)
  })

  test('are refused when damaged, or made otherwise', async () => {
    const [bytes] = make().save()
    for (let at = 3; at < bytes.length; at += 97) {
      const damaged = bytes.slice()
      damaged[at] ^= 4
      expect(() => LexicalIndex.load([damaged], options)).toThrow(RagFormatError)
    }
    expect(() => LexicalIndex.load([bytes], { analyzer: english })).toThrow(
      'lexical segment: fields: it was made with title, text, and the index has text',
    )
    const german = await createAnalyzer({ language: 'german' })
    expect(() => LexicalIndex.load([bytes], { ...options, analyzer: german })).toThrow(
      /analyzer: it was made with language "english"/,
    )
  })
})

describe('refuses', () => {
  const index = indexOf(['a b'])
  test.each<[string, () => unknown, string | RegExp]>([
    ['an empty id', () => index.add({ id: '', text: 'x' }), 'ids are strings that are not empty'],
    ['half a character in an id', () => index.add({ id: '\ud800', text: 'x' }), /ids are strings/],
    [
      'text that is none',
      () => index.add({ id: 'x', text: 5 as unknown as string }),
      'the text of document x is number',
    ],
    [
      'an unknown field',
      () => index.add({ id: 'x', text: { title: 'y' } }),
      'document x has a field title; fields are text',
    ],
    [
      'metadata that is nested',
      () => index.add({ id: 'x', text: '', metadata: { a: { b: 1 } } as never }),
      /document x/,
    ],
    ['k = 0', () => index.search('a', { k: 0 }), 'search: k is 0; give a whole number from 1 up'],
    ['a query that is none', () => index.search(5 as unknown as string), 'search: a query is 5'],
    ['an empty query object', () => index.search({} as Query), /a query has nothing/],
    ['a field that is none', () => index.search({ text: 'a', field: 'x' }), 'there is no field x; fields are text'],
    [
      'a filter of the wrong type',
      () => index.search('a', { filter: { field: 'x', gt: 'y' } as never }),
      RagArgumentError as never,
    ],
    ['a query of a megabyte', () => index.search('word '.repeat(2e5)), 'more than 100000 characters'],
    [
      'a deep query',
      () => index.search(Array.from({ length: 99 }).reduce<Query>(q => ({ not: q }), 'a')),
      /nested deeper/,
    ],
    ['many parts', () => index.search({ or: Array<string>(2000).fill('a') }), 'more than 1024 parts'],
    ['b = 2', () => index.search('a', { bm25: { b: 2 } }), 'b is 2; give a number from 0 to 1'],
  ])('%s', (_, run, message) => {
    expect(run).toThrow(message)
    expect(run).toThrow(RagArgumentError)
  })
  test('and is as it was', () => {
    expect(index.size).toBe(1)
    expect(ids(index, 'a')).toEqual(['d0'])
  })
})
