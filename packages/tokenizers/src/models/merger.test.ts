import { expect, test } from 'vitest'
import { random, seed } from '../testing/random.ts'
import { Merger } from './merger.ts'
import { PairTable } from './pair-table.ts'

/** The definition: join the neighbours of lowest rank, leftmost first, until none is in the table. */
function naive(ids: number[], table: PairTable): number[] {
  const out = [...ids]
  while (true) {
    let best = -1
    let at = -1
    for (let i = 0; i + 1 < out.length; i++) {
      const row = table.find(out[i], out[i + 1])
      if (row >= 0 && (best < 0 || table.priority[row] < table.priority[best])) {
        best = row
        at = i
      }
    }
    if (best < 0) return out
    out.splice(at, 2, table.merged[best])
  }
}

test(`scan and heap give what the definition gives (seed ${seed})`, () => {
  const next = random(seed)
  for (let round = 0; round < 60; round++) {
    const symbols = 3
    const table = new PairTable(40)
    for (let id = symbols; id < symbols + 40; id++) {
      // Rows share priorities now and then, as pieces of equal score do.
      table.add(Math.floor(next() * id), Math.floor(next() * id), id, (id - symbols) >> (round & 1))
    }
    const merger = new Merger(table)
    for (const length of [0, 1, 2, 5, 20, 39, 40, 41, 100, 300]) {
      const ids = Array.from({ length }, () => Math.floor(next() * symbols))
      merger.reset()
      ids.forEach((id, i) => merger.push(id, i, i + 1))
      merger.run()
      expect([...merger.ids.subarray(0, merger.length)]).toEqual(naive(ids, table))
      for (let i = 0; i + 1 < merger.length; i++) expect(merger.ends[i]).toBe(merger.starts[i + 1])
    }
  }
})
