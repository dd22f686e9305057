import { describe, expect, test } from 'vitest'
import type { Measure, RowFormat } from './kernel.ts'
import { BATCH, Rows } from './rows.ts'
import { random, randomVectors } from './testing/data.ts'

const cases = (['f32', 'i8', 'bits'] as const).flatMap(format =>
  (['product', 'squares'] as const).map(measure => [format, measure] as const),
)

/** The distance that a format means, in double precision from the vectors themselves. */
function expected(format: RowFormat, measure: Measure, q: Float32Array, x: Float32Array): number {
  let sum = 0
  for (let i = 0; i < q.length; i++)
    sum += format === 'bits' ? Number(q[i] > 0 !== x[i] > 0) : measure === 'product' ? -q[i] * x[i] : (q[i] - x[i]) ** 2
  return sum
}

describe.each(cases)('rows of %s, %s', (format, measure) => {
  test.each([1, 3, 4, 15, 16, 17, 31, 33, 100, 127, 128, 129, 384, 1000])(
    '%i numbers: generated code, plain loops and the meaning agree',
    dimensions => {
      const vectors = randomVectors(41, dimensions, 5 * dimensions)
      const fast = new Rows(format, measure, dimensions)
      const plain = new Rows(format, measure, dimensions, { plain: true })
      for (const rows of [fast, plain]) {
        rows.reserve(vectors.length)
        vectors.forEach((vector, i) => rows.set(i, vector))
        rows.setQuery(vectors[7])
      }
      // Codes are off by half a step of 1/127 of the largest number.
      const tolerance = format === 'i8' ? 0.06 * dimensions ** 0.5 + 0.04 : 1e-5 * (1 + dimensions)
      for (const rows of [fast, plain]) {
        rows.scan(2, 39)
        for (let i = 0; i < 39; i++) {
          expect(Math.abs(rows.distances[i] - expected(format, measure, vectors[7], vectors[2 + i]))).toBeLessThan(
            tolerance,
          )
        }
        const picked = [40, 0, 7, 7, 13, 2, 39]
        rows.ids.set(picked)
        rows.gather(picked.length)
        picked.forEach((row, i) => {
          expect(Math.abs(rows.distances[i] - expected(format, measure, vectors[7], vectors[row]))).toBeLessThan(
            tolerance,
          )
        })
        // A row that becomes the query is as far from the others as when it is given.
        rows.load(11)
        rows.scan(0, 41)
        for (let i = 0; i < 41; i++)
          expect(Math.abs(rows.distances[i] - expected(format, measure, vectors[11], vectors[i]))).toBeLessThan(
            tolerance * 2,
          )
      }
    },
  )
})

test('rows stay where they are while the memory grows, over a full batch', () => {
  const next = random(3)
  const rows = new Rows('f32', 'product', 2)
  const values: number[] = []
  for (let i = 0; i < BATCH + 100; i++) {
    rows.reserve(i + 1)
    values.push(next())
    rows.set(i, Float32Array.of(values[i], 1))
  }
  rows.setQuery(Float32Array.of(-1, 0))
  rows.scan(100, BATCH)
  for (let i = 0; i < BATCH; i++) expect(rows.distances[i]).toBeCloseTo(values[100 + i], 6)
})

test('more rows than a memory can address are refused', () => {
  expect(() => new Rows('f32', 'product', 384).reserve(3_000_000)).toThrow(/4 GiB/)
})
