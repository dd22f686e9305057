import { expect, test } from 'vitest'
import {
  charNgrams,
  ngrams,
  porter,
  SentenceSplitter,
  sentences,
  stemmer,
  stopWordLanguages,
  stopWords,
  treebankWords,
  unicodeWords,
  whitespaceWords,
} from './index.ts'

test('whitespace words', () => {
  expect(whitespaceWords('  to be,\n\tor\u3000not ')).toEqual(['to', 'be,', 'or', 'not'])
  expect(whitespaceWords(' ')).toEqual([])
})

test.each([
  ["They'll save and invest more.", ['They', "'ll", 'save', 'and', 'invest', 'more', '.']],
  ["hi, my name can't hello,", ['hi', ',', 'my', 'name', 'ca', "n't", 'hello', ',']],
  ['Good muffins cost $3.88 in New York.', ['Good', 'muffins', 'cost', '$', '3.88', 'in', 'New', 'York', '.']],
  [
    '"We beat some pretty good teams," he said.',
    ['``', 'We', 'beat', 'some', 'pretty', 'good', 'teams', ',', "''", 'he', 'said', '.'],
  ],
  [
    "The dog's bone (1,000 of them) -- gone?",
    ['The', 'dog', "'s", 'bone', '(', '1,000', 'of', 'them', ')', '--', 'gone', '?'],
  ],
  ['I cannot; gimme.', ['I', 'can', 'not', ';', 'gim', 'me', '.']],
  ['', []],
])('Penn Treebank words of %j', (sentence, words) => {
  expect(treebankWords(sentence)).toEqual(words)
})

test('Unicode words have their places', () => {
  const text = "Don't stop: 3.14 naïve 日本語!"
  const words = unicodeWords(text)
  expect(words.slice(0, 4).map(word => word.text)).toEqual(["Don't", 'stop', '3.14', 'naïve'])
  for (const { text: word, start, end } of words) expect(text.slice(start, end)).toBe(word)
})

test.each([
  ['One. Two! Three?', ['One.', 'Two!', 'Three?']],
  ['Dr. Smith paid 3.50 to J. S. Bach. He left.', ['Dr. Smith paid 3.50 to J. S. Bach.', 'He left.']],
  ['He came at 5 p.m. on Monday. "Why?" she said.', ['He came at 5 p.m. on Monday.', '"Why?" she said.']],
  ['See example.org for more... and so on. Bye.', ['See example.org for more... and so on.', 'Bye.']],
  ['A title\n\nA text. \u201cQuoted.\u201d End', ['A title', 'A text.', '\u201cQuoted.\u201d', 'End']],
  ['吾輩は猫である。名前はまだ無い。', ['吾輩は猫である。', '名前はまだ無い。']],
  ['', []],
])('sentences of %j', (text, expected) => {
  const found = sentences(text)
  expect(found.map(sentence => sentence.text)).toEqual(expected)
  for (const { text: part, start, end } of found) expect(text.slice(start, end)).toBe(part)
})

test('abbreviations are learnt from a text', () => {
  const text =
    'The xyl. Company grew. All grew fast. We saw the xyl. Works there. A tree stood by the house. The house was old. '.repeat(
      20,
    )
  const learnt = SentenceSplitter.train(text, { abbreviations: [] })
  expect(learnt.abbreviations.has('xyl')).toBe(true)
  expect(learnt.abbreviations.has('house')).toBe(false)
  expect(learnt.abbreviations.has('grew')).toBe(false)
})

test('n-grams', () => {
  expect(ngrams(['a', 'b', 'c'], 2)).toEqual([
    ['a', 'b'],
    ['b', 'c'],
  ])
  expect(ngrams([1], 2)).toEqual([])
  expect(charNgrams('a😁b', 2)).toEqual(['a😁', '😁b'])
  expect(() => ngrams([1], 0)).toThrow(RangeError)
})

test('stop words', () => {
  for (const language of stopWordLanguages) expect(stopWords(language).size).toBeGreaterThan(80)
  expect(stopWords('english').has("don't")).toBe(true)
  expect(stopWords('german').has('über')).toBe(true)
})

test('stemmers', async () => {
  expect(['caresses', 'ponies', 'hopping', 'relational', 'y'].map(porter)).toEqual([
    'caress',
    'poni',
    'hop',
    'relat',
    'y',
  ])
  expect((await stemmer('russian'))('бегущий')).toBe('бегущ')
  expect((await stemmer('english'))('fruitlessly')).toBe('fruitless')
  await expect(stemmer('klingon' as 'english')).rejects.toThrow(/klingon/)
})
