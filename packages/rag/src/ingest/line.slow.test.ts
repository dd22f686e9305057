// A line of 1 GiB goes through every reader of text, and what is held at any time stays far below its length.
import { expect, test } from 'vitest'
import { ingest } from './ingest.ts'
import type { FileInput } from './loader.ts'

const GIB = 2 ** 30
const MOST = 400 * 2 ** 20

const held = (): number => {
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

const cases = [
  ['l.txt', '', '', { parts: GIB / (4 << 20), last: 'x', problems: [] }],
  ['l.jsonl', '{"t":"', '"}\n{"t":"found"}\n', { parts: 1, last: 'found', problems: ['too large'] }],
  ['l.csv', 'a,b\n1,"', '"\n2,found\n', { parts: 1, last: 'a: 2\nb: found', problems: ['too large'] }],
] as const

test.each(cases)('%s: a line of 1 GiB', { timeout: 300_000 }, async (path, head, tail, expected) => {
  const block = new Uint8Array(1 << 20).fill(120)
  const before = held()
  let most = 0
  let read = 0
  const file: FileInput = {
    path,
    async *stream() {
      yield new TextEncoder().encode(head)
      for (let i = 0; i < GIB / block.length; i++) {
        most = Math.max(most, held())
        read += block.length
        yield block
      }
      yield new TextEncoder().encode(tail)
    },
  }
  const batch = ingest([file], { duplicates: false, limits: { fileBytes: 1 << 20, time: 280_000 } })
  let parts = 0
  let last = ''
  for await (const { text } of batch) {
    parts++
    last = text
  }
  expect(read).toBe(GIB)
  expect(parts).toBe(expected.parts)
  expect(last.endsWith(expected.last)).toBe(true)
  expect(batch.report.leftOut.map(({ problem }) => problem)).toEqual(expected.problems)
  expect(most - before).toBeLessThan(MOST)
})
