import { describe, expect, test } from 'vitest'
import { createAnalyzer } from './analyzer.ts'
import { TermDictionary } from './dictionary.ts'
import { highlight, snippet } from './highlight.ts'
import { Synonyms } from './synonyms.ts'
import { wordSpans } from './words.ts'

const words = (text: string): string[] => {
  const spans = wordSpans(text)
  return Array.from({ length: spans.length / 2 }, (_, i) => text.slice(spans[2 * i], spans[2 * i + 1]))
}

describe('words', () => {
  test.each([
    [
      "Don't pay 1,000.50 for the U.S.A. or e.g. this!",
      ["Don't", 'pay', '1,000.50', 'for', 'the', 'U.S.A', 'or', 'e.g', 'this'],
    ],
    [
      'well-made snake_case file.txt http://a.b/c',
      ['well', 'made', 'snake', 'case', 'file', 'txt', 'http', 'a.b', 'c'],
    ],
    ["'quoted' l’été 'n", ['quoted', 'l’été', 'n']],
    ['B52 3a a3 ½', ['B52', '3a', 'a3', '½']],
    ['naïve café', ['naïve', 'café']],
    ['日本語の本、中 x', ['日本', '本語', '語の', 'の本', '中', 'x']],
    ['𠮷野家', ['𠮷野', '野家']],
    ['한국어 가', ['한국', '국어', '가']],
    ['हिन्दी में', ['हिन्दी', 'में']],
    ['😀 a😀b \ud83d c', ['a', 'b', 'c']],
    ['', []],
  ])('%s', (text, expected) => {
    expect(words(text)).toEqual(expected)
  })
  test('Thai by dictionary', () => {
    expect(words('ภาษาไทย x').length).toBeGreaterThan(2)
    expect(words('ภาษาไทย').join('')).toBe('ภาษาไทย')
  })
  test('are where they say, in any text', () => {
    const units = [
      0x41, 0x61, 0x31, 0x27, 0x2e, 0x2c, 0x20, 0x5f, 0xe9, 0x301, 0x4e2d, 0x3042, 0xe01, 0xe32, 0xd842, 0xdfb7, 0xd83d,
      0x2019,
    ]
    let state = 7
    for (let round = 0; round < 2000; round++) {
      const text = String.fromCharCode(
        ...Array.from({ length: round % 12 }, () => {
          state = (Math.imul(state, 1103515245) + 12345) >>> 0
          return units[(state >>> 16) % units.length]!
        }),
      )
      const spans = wordSpans(text)
      for (let i = 0; i < spans.length; i++) {
        expect(spans[i]! <= text.length, JSON.stringify(text)).toBe(true)
        if (i % 2) expect(spans[i]! > spans[i - 1]!, JSON.stringify(text)).toBe(true)
        if (i > 1) expect(spans[i]! > spans[i - 2]!, JSON.stringify(text)).toBe(true)
      }
      // Every letter and digit is in some word.
      const covered = new Uint8Array(text.length)
      for (let i = 0; i < spans.length; i += 2) covered.fill(1, spans[i], spans[i + 1])
      for (const match of text.matchAll(/[\p{L}\p{N}]/gu)) {
        // The dictionary of Thai may find that a stray vowel is no word.
        if (!/[\u0e00-\u0e7f]/.test(match[0])) expect(covered[match.index], JSON.stringify(text)).toBe(1)
      }
    }
  })
})

describe('terms', () => {
  test('of English', async () => {
    const analyzer = await createAnalyzer()
    expect(analyzer.terms("The cats' owner doesn't run; O’Neil's U.S. flights cost 1,000.")).toEqual([
      'cat',
      'owner',
      'run',
      'oneil',
      'us',
      'flight',
      'cost',
      '1000',
    ])
    expect(analyzer.analyze('He runs, they ran')).toEqual([
      { term: 'run', start: 3, end: 7, position: 0 },
      { term: 'ran', start: 14, end: 17, position: 1 },
    ])
  })
  test('of French, accents and elisions', async () => {
    const analyzer = await createAnalyzer({ language: 'french' })
    expect(analyzer.terms('L’hôtel d’Hélène')).toEqual(['hotel', 'helen'])
  })
  test('without a language, as n-grams, with a stemmer of one’s own', async () => {
    const plain = await createAnalyzer({ language: 'none' })
    expect(plain.terms('The ＦＵＬＬ Straße')).toEqual(['the', 'full', 'straße'])
    const grams = await createAnalyzer({ language: 'none', charNgrams: [3, 3] })
    expect(grams.terms('Words to')).toEqual(['wor', 'ord', 'rds', 'to'])
    const own = await createAnalyzer({ stem: { name: 'first', stem: word => word[0]! }, stopWords: ['x'] })
    expect(own.terms('abc X the')).toEqual(['a', 't'])
    expect(own.settings).toMatchObject({ stem: 'first', stopWords: ['x'] })
    await expect(createAnalyzer({ charNgrams: [3, 2] })).rejects.toThrow('give [shortest, longest]')
  })
})

/** Optimal string alignment by its definition. */
function distance(a: string, b: string): number {
  const table = Array.from({ length: a.length + 1 }, () => new Array<number>(b.length + 1).fill(0))
  for (let i = 0; i <= a.length; i++)
    for (let j = 0; j <= b.length; j++) {
      if (i === 0 || j === 0) {
        table[i]![j] = i + j
        continue
      }
      table[i]![j] = Math.min(
        table[i - 1]![j]! + 1,
        table[i]![j - 1]! + 1,
        table[i - 1]![j - 1]! + Number(a[i - 1] !== b[j - 1]),
      )
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        table[i]![j] = Math.min(table[i]![j]!, table[i - 2]![j - 2]! + 1)
    }
  return table[a.length]![b.length]!
}

describe('a dictionary', () => {
  test('finds prefixes', () => {
    const dictionary = new TermDictionary(['b', 'ab', 'abc', 'abd', 'ac', 'ab'])
    expect(dictionary.withPrefix('ab')).toEqual(['ab', 'abc', 'abd'])
    expect(dictionary.withPrefix('ab', 2)).toEqual(['ab', 'abc'])
    expect(dictionary.withPrefix('x')).toEqual([])
    expect(dictionary.withPrefix('')).toHaveLength(5)
  })
  test('finds words with typing errors', () => {
    const dictionary = new TermDictionary(['retrieval', 'retrieve', 'relevant', 'reveal'])
    expect(dictionary.within('retreival')[0]).toEqual({ term: 'retrieval', distance: 1 })
    expect(dictionary.within('retreival', 1, 2)).toHaveLength(1)
    expect(dictionary.within('xretrieval', 1, 1)).toEqual([])
  })
  test('finds what comparing with every term finds', () => {
    let state = 99
    const random = (n: number) => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0
      return (state >>> 16) % n
    }
    const word = () => Array.from({ length: 1 + random(7) }, () => 'abc'[random(3)]).join('')
    const dictionary = new TermDictionary(Array.from({ length: 400 }, word))
    for (let round = 0; round < 150; round++) {
      const given = word()
      for (const edits of [0, 1, 2, 3]) {
        const expected = dictionary.terms
          .map(term => ({ term, distance: distance(given, term) }))
          .filter(match => match.distance <= edits)
          .sort((a, b) => a.distance - b.distance || (a.term < b.term ? -1 : 1))
        expect(dictionary.within(given, edits), `${given} ${edits}`).toEqual(expected)
      }
    }
  })
})

test('highlights and snippets', async () => {
  const analyzer = await createAnalyzer()
  const text = `Some long opening about nothing at all. ${'Filler words go here. '.repeat(10)}Running dogs chase a dog. The end.`
  const terms = analyzer.terms('dog running')
  const marked = highlight(text, terms, analyzer).map(({ start, end }) => text.slice(start, end))
  expect(marked).toEqual(['Running', 'dogs', 'dog'])
  const shown = snippet(text, terms, analyzer, 60)
  expect(shown.text.length).toBeLessThanOrEqual(60)
  expect(shown.text).toBe(text.slice(shown.start, shown.end))
  expect(shown.marks.map(({ start, end }) => shown.text.slice(start, end))).toEqual(['Running', 'dogs', 'dog'])
  expect(snippet('short', [], analyzer).text).toBe('short')
  const chinese = await createAnalyzer({ language: 'none' })
  expect(highlight('我在日本語学校', chinese.terms('日本語'), chinese)).toEqual([{ start: 2, end: 5 }])
})

test('synonyms are terms', async () => {
  const analyzer = await createAnalyzer()
  const synonyms = new Synonyms(
    [
      ['car', 'automobiles', 'motor vehicle'],
      ['car', 'wagon'],
    ],
    analyzer,
  )
  expect([...synonyms.of('car')]).toEqual(['automobil', 'motor', 'vehicl', 'wagon'])
  expect([...synonyms.of('automobil')]).toEqual(['car', 'motor', 'vehicl'])
  expect(synonyms.of('motor').size).toBe(0)
})
