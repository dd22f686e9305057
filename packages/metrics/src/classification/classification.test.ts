// Values of scikit-learn's classification_report and matthews_corrcoef.
import { expect, test } from 'vitest'
import { accuracy, classificationReport, confusion, matthews } from './classification.ts'

const predicted = [...'abaccbad']
const gold = [...'abbcabac']

test('a report', () => {
  const { classes, macro, weighted } = classificationReport(predicted, gold)
  expect(accuracy(predicted, gold)).toBe(0.625)
  expect(classes.get('b')).toEqual({
    precision: 1,
    recall: expect.closeTo(2 / 3, 14),
    f1: expect.closeTo(0.8, 14),
    support: 3,
  })
  expect(classes.get('d')).toEqual({ precision: 0, recall: 0, f1: 0, support: 0 })
  expect(macro.precision).toBeCloseTo(0.5416666666666666, 14)
  expect(macro.recall).toBeCloseTo(0.4583333333333333, 14)
  expect(macro.f1).toBeCloseTo(0.4916666666666667, 14)
  expect(weighted.precision).toBeCloseTo(0.75, 14)
  expect(weighted.f1).toBeCloseTo(0.675, 14)
  expect(matthews(predicted, gold)).toBeCloseTo(0.47776654295295456, 14)
  expect(confusion(predicted, gold).get('a')!.get('c')).toBe(1)
})

test('edges', () => {
  expect(accuracy([], [])).toBe(0)
  expect(matthews(['a', 'a'], ['a', 'b'])).toBe(0)
  expect(() => accuracy(['a'], [])).toThrow('accuracy: 1 labels and 0 gold labels; give as many')
})
