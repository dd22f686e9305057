// Gradcheck of a folder's ops by a table: each row an op and how its random shapes are drawn, and a test that no op is left out.

import { describe, expect, test } from 'vitest'
import type { Shape } from '../index.ts'
import { checkGradients, type Op, type OpTest } from './check-op.ts'
import { type Draw, draw } from './random.ts'

export interface GradientRow {
  readonly op: Op
  readonly shapes: (from: Draw) => Shape[]
  readonly range?: OpTest['range']
  /** false: it has no second derivative */
  readonly second?: false
}

/** A few leading axes, then these. */
export const batched = (from: Draw, ...last: number[]): number[] => [
  ...from.many(from.integer(0, 2)).map(() => from.integer(1, 3)),
  ...last,
]

/**
 * @param surface what the folder's index exports   @param without ops that have no derivative, and functions that take no tensor
 */
export function checkGradientTable(
  rows: Readonly<Record<string, GradientRow>>,
  surface: Readonly<Record<string, unknown>>,
  without: readonly string[],
): void {
  describe('gradients', () => {
    for (const [name, { op, shapes, range, second }] of Object.entries(rows)) {
      const from = draw(`gradients of ${name}`)
      const cases = [shapes(from), shapes(from)].map(c => (c.length === 1 ? c[0] : c))
      checkGradients(name, op, { shapes: cases, ...(range && { range }), ...(second === false && { second }) })
    }
    test('of every op that has one', () => {
      const checked = new Set(Object.keys(rows).map(name => surface[name]))
      const left = Object.keys(surface).filter(name => !checked.has(surface[name]) && !without.includes(name))
      expect(left, 'ops without a row in this file, or a place among those without a derivative').toEqual([])
    })
  })
}
