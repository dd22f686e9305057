// The limits compute what they say: a yardstick that is wrong, or that leaves rows out on two threads, would flatter.

import { expect, test } from 'vitest'
import { copyLimitModule } from './copy-limit.ts'
import { placeKernel } from './kernel.ts'
import { layerNormModule } from './layer-norm.ts'
import { softmaxModule } from './softmax.ts'
import { gemmLimitOn } from './threads.ts'

const [rows, columns] = [37, 48]
const x = Float32Array.from({ length: rows * columns }, (_, i) => 5 * Math.sin(i * i))
const weight = Float32Array.from({ length: columns }, (_, i) => 1 + i / columns)
const bias = Float32Array.from({ length: columns }, (_, i) => i % 3)
const rowsOf = (values: Float32Array) =>
  Array.from({ length: rows }, (_, r) => [...values.subarray(r * columns, (r + 1) * columns)])
const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0)

const softmax = rowsOf(x).flatMap(row => {
  const e = row.map(v => Math.exp(v - Math.max(...row)))
  return e.map(v => v / sum(e))
})
const layerNorm = rowsOf(x).flatMap(row => {
  const mean = sum(row) / columns
  const scale = 1 / Math.sqrt(sum(row.map(v => (v - mean) ** 2)) / columns + 1e-5)
  return row.map((v, c) => (v - mean) * scale * weight[c]! + bias[c]!)
})

const cases = [
  { name: 'softmax', print: softmaxModule, inputs: [x], words: [columns], items: rows, expected: softmax },
  {
    name: 'layer norm',
    print: layerNormModule,
    inputs: [x, weight, bias],
    words: [columns],
    items: rows,
    expected: layerNorm,
  },
  { name: 'copy', print: copyLimitModule, inputs: [x], words: [], items: x.byteLength / 64, expected: [...x] },
]

for (const threads of [1, 2])
  test.each(cases)(`$name, ${threads} threads`, async ({ print, inputs, words, items, expected }) => {
    const buffers = [...inputs, new Float32Array(x.length).fill(Number.NaN)]
    const kernel = await placeKernel(memory => print(memory), threads, { buffers, words, grain: 2 })
    await kernel.run(items)
    const result = kernel.values(inputs.length)
    const worst = Math.max(...expected.map((v, i) => Math.abs(v - result[i]!)))
    expect(worst).toBeLessThan(1e-5)
    await kernel.dispose()
  })

test('the micro-kernel limit says how much it does, and does it on two threads', async () => {
  const limit = await gemmLimitOn(2, 1)
  expect(limit.amount).toBeGreaterThan(1e5)
  await limit.run()
  await limit.dispose()
})
