// Quotients and remainders of indices: simplified ones equal plain arithmetic, and what printers divide is never negative.

import { expect, test } from 'vitest'
import { draw } from '../testing/random.ts'
import { dim, dimKey, mulDim, symbol } from './dim.ts'
import { addIndex, axisIndex, dimIndex, divIndex, type Index, indexKey, modIndex, scaleIndex } from './index-expr.ts'

/** The value at a place; throws where a printer would divide a negative number. */
function at(index: Index, place: readonly number[]): number {
  return index.terms.reduce((sum, { atom, coef }) => {
    if (!atom) return sum + coef.factor
    if (atom.kind === 'axis') return sum + coef.factor * place[atom.axis.id]
    if (atom.kind === 'value') throw new Error('no values here')
    const of = at(atom.of, place)
    if (of < 0) throw new Error(`divides ${of}`)
    return sum + coef.factor * (atom.kind === 'div' ? Math.floor(of / atom.by.factor) : of % atom.by.factor)
  }, 0)
}

test('quotients and remainders of random sums', () => {
  const from = draw('index-expr')
  const pick = (low: number, high: number) => Math.floor(from.many(1, low, high + 1)[0])
  for (let round = 0; round < 400; round++) {
    const axes = [0, 1, 2].map(id => ({ id, size: dim(pick(2, 4)) }))
    const index = axes.reduce(
      (sum, axis) => addIndex(sum, scaleIndex(axisIndex(axis), dim(pick(-3, 7)))),
      dimIndex(dim(pick(-9, 9))),
    )
    const by = dim(pick(1, 6))
    const [whole, rest] = [divIndex(index, by), modIndex(index, by)]
    const again = divIndex(addIndex(rest, scaleIndex(axisIndex(axes[0]), by)), dim(2))
    for (let i = 0; i < axes[0].size.factor; i++)
      for (let j = 0; j < axes[1].size.factor; j++)
        for (let l = 0; l < axes[2].size.factor; l++) {
          const place = [i, j, l]
          const value = at(index, place)
          if (value < 0) continue
          expect(at(whole, place)).toBe(Math.floor(value / by.factor))
          expect(at(rest, place)).toBe(value % by.factor)
          expect(at(again, place)).toBe(Math.floor(((value % by.factor) + i * by.factor) / 2))
        }
  }
})

test('a diagonal of a square needs no quotient', () => {
  const axis = { id: 0, size: dim(5) }
  const along = scaleIndex(axisIndex(axis), dim(6))
  expect(divIndex(along, dim(5))).toEqual(axisIndex(axis))
  expect(modIndex(along, dim(5))).toEqual(axisIndex(axis))
})

test('rows of a product whose rows are split again lie next to each other', () => {
  const [row, column] = [
    { id: 0, size: dim(768) },
    { id: 1, size: dim(512) },
  ]
  const flat = addIndex(scaleIndex(axisIndex(row), dim(512)), axisIndex(column))
  expect(divIndex(flat, dim(32768))).toEqual(divIndex(axisIndex(row), dim(64)))
  const within = addIndex(scaleIndex(modIndex(axisIndex(row), dim(64)), dim(512)), axisIndex(column))
  expect(modIndex(flat, dim(32768))).toEqual(within)
  const joined = addIndex(scaleIndex(divIndex(flat, dim(32768)), dim(32768)), within)
  expect(indexKey(joined)).toBe(indexKey(flat))
})

test('what a window reads before its first row, by a size that is not known', () => {
  const rows = symbol(0, 5)
  const row = { id: 0, size: rows }
  const before = addIndex(axisIndex(row), dimIndex(dim(-1)))
  // Neither is simpler than it is, and taking the sign out of both would never end.
  expect(indexKey(modIndex(before, rows))).toBe(`1.(${indexKey(before)})%${dimKey(rows)}`)
  expect(indexKey(divIndex(before, rows))).toBe(`1.(${indexKey(before)})/${dimKey(rows)}`)
  const twice = addIndex(scaleIndex(axisIndex(row), dim(-2)), dimIndex(symbol(1, 9)))
  expect(indexKey(modIndex(twice, mulDim(dim(2), rows)))).toContain('%')
})

test('the rows and columns of a square whose side is a symbol join up again', () => {
  const side = symbol(0, 7)
  const flat = axisIndex({ id: 0, size: mulDim(side, side) })
  const row = modIndex(divIndex(flat, side), side)
  expect(indexKey(row)).toBe(indexKey(divIndex(flat, side)))
  expect(indexKey(addIndex(scaleIndex(row, side), modIndex(flat, side)))).toBe(indexKey(flat))
})
