import { describe, expect, test } from 'vitest'
import { answerF1, exactMatch, normalizeAnswer } from './answers.ts'
import { bleu, tokenize13a } from './bleu.ts'
import { chrf } from './chrf.ts'
import { bitsPerByte, perplexity } from './perplexity.ts'
import { rougeL, rougeLsum, rougeN } from './rouge.ts'

const hypotheses = ['The dog bit the man.', "It wasn't surprising.", 'The man had just bitten him.']
const references = [
  ['The dog bit the man.', 'The dog had bit the man.'],
  ['It was not unexpected.', 'No one was surprised.'],
  ['The man bit him first.', 'The man had bitten the dog.'],
]
const marks = ['Prices rose 3.5% to $1,200 (about 10-12 "units") & fell; then: a/b.', 'no match here']
const marksReferences = [
  ['Prices climbed 3.5% to $1,250 (some 10-12 "units") & fell; then: a/c.'],
  ['something else entirely'],
]

describe('as sacreBLEU 2.6.0', () => {
  test('BLEU of a corpus with several references', () => {
    const { score, precisions, brevityPenalty, hypothesisLength, referenceLength } = bleu(hypotheses, references)
    expect(score).toBeCloseTo(48.530827009929865, 10)
    expect(precisions).toEqual([82.3529411764706, 50, 45.45454545454545, 37.5].map(p => expect.closeTo(p, 10)))
    expect(brevityPenalty).toBeCloseTo(0.9428731438548749, 12)
    expect([hypothesisLength, referenceLength]).toEqual([17, 18])
  })
  test('BLEU with punctuation, smoothing and short texts', () => {
    expect(bleu(marks, marksReferences).score).toBeCloseTo(61.90429960963545, 10)
    expect(bleu(['a b c'], [['a b d']], { effectiveOrder: true }).score).toBeCloseTo(55.03212081491043, 10)
    expect(bleu(['a b c'], [['a b d']]).score).toBe(0)
    expect(bleu(['The Cat'], [['the cat']], { effectiveOrder: true, lowercase: true }).score).toBeCloseTo(100, 10)
    expect(bleu(['a b x y'], [['a b c d']], { smooth: 'none' }).score).toBe(0)
    expect(bleu([''], [['a']]).score).toBe(0)
  })
  test('tokens of 13a', () => {
    expect(tokenize13a("Hello, world! It's 3.5-4 &quot;x&quot; U.S. 1,000.").join(' ')).toBe(
      'Hello , world ! It\'s 3.5 - 4 " x " U . S . 1,000 .',
    )
  })
  test('chrF and chrF++', () => {
    expect(chrf(hypotheses, references)).toBeCloseTo(59.72751782684763, 10)
    expect(chrf(hypotheses, references, { wordOrder: 2 })).toBeCloseTo(59.15310444399262, 10)
    expect(chrf(marks, marksReferences)).toBeCloseTo(51.88629076651403, 10)
    expect(chrf(marks, marksReferences, { wordOrder: 2 })).toBeCloseTo(53.73632571552953, 10)
    expect(chrf(['Die Katze saß.', 'x'], [['Die Katze sitzt.'], ['xyz']])).toBeCloseTo(55.99081674987417, 10)
    expect(chrf([''], [['a']])).toBe(0)
  })
  test('refuses what is not paired', () => {
    expect(() => bleu(['a'], [])).toThrow('bleu: 1 hypotheses and 0 lists of references; give one list each')
    expect(() => chrf(['a'], [[]])).toThrow('chrf: hypothesis 0 has no reference')
  })
})

describe("ROUGE, by the examples of Lin's paper (2004)", () => {
  test('police and gunman', () => {
    const reference = 'police killed the gunman'
    expect(rougeL('police kill the gunman', reference).f).toBeCloseTo(0.75, 14)
    expect(rougeL('the gunman kill police', reference).f).toBeCloseTo(0.5, 14)
    expect(rougeN('police kill the gunman', reference, 2).recall).toBeCloseTo(1 / 3, 14)
    expect(rougeN('the gunman kill police', reference, 2).recall).toBeCloseTo(1 / 3, 14)
  })
  test('the union over sentences', () => {
    expect(rougeLsum('w1 w2 w6 w7 w8\nw1 w3 w8 w9 w5', 'w1 w2 w3 w4 w5').recall).toBeCloseTo(4 / 5, 14)
  })
  test('stems, other tokens, nothing', () => {
    const stem = (word: string) => word.replace(/(ing|ed)$/, '')
    expect(rougeN('walking here', 'walked here', 1, { stem }).f).toBe(1)
    expect(rougeN('日本', '日米', 1, { tokenize: text => [...text] }).f).toBe(0.5)
    expect(rougeL('', 'a').f).toBe(0)
  })
})

describe('answers, as the script of SQuAD 1.1', () => {
  test('normalized', () => {
    expect(normalizeAnswer(' The  "Panthers\'" a-team, an end. ')).toBe('panthers ateam end')
  })
  test('matched', () => {
    expect(exactMatch('the Denver Broncos!', ['Carolina', 'Denver Broncos'])).toBe(1)
    expect(exactMatch('Denver', ['Denver Broncos'])).toBe(0)
    expect(answerF1('Denver', ['Carolina', 'Denver Broncos'])).toBeCloseTo(2 / 3, 14)
    expect(answerF1('', ['x'])).toBe(0)
  })
})

test('perplexity of a fair die is six', () => {
  const rolls = new Float64Array(10).fill(Math.log(1 / 6))
  expect(perplexity(rolls)).toBeCloseTo(6, 12)
  expect(bitsPerByte(new Float64Array(8).fill(Math.log(1 / 2)), 1)).toBeCloseTo(8, 12)
})
