// f16 in GPU memory: two bytes where the device has `shader-f16`, else an f32 that was rounded; the same numbers either way, and those of the interpreter.
// What needs the feature is skipped by name on devices without it, and Dawn's null device reads the text of every template all the same.

import { afterAll, describe, expect, test } from 'vitest'
import { acc, axis, binary, buffer, declare, load, loop, rowMajor, store, update } from '../../kernel/build.ts'
import { bf16ToNumber, f16ToNumber, numberToF16 } from '../../kernel/half.ts'
import type { LoopKernel, MatmulKernel } from '../../kernel/ir.ts'
import type { ProductChoice } from './choose.ts'
import { differences, onDevice, openBackend } from './differential.ts'
import { loadTemplates, printKernel } from './kernels.ts'
import { tiles } from './matmul.ts'
import { errorsOf, nullDevice, whyNoNullDevice } from './null-device.ts'
import { exact, matmul, operands } from './products.ts'

const backend = await openBackend()
await loadTemplates([matmul({ m: 1, n: 1, k: 1 })])
const why = backend ? '' : ' (skipped: no WebGPU adapter)'
const nothing = await nullDevice()
const emulated = backend?.half ? await openBackend({ half: false }) : backend
const limits = { threads: 256, workgroupBytes: 16384, software: false, subgroup: 1 }
afterAll(async () => {
  await backend?.dispose()
  if (emulated !== backend) await emulated?.dispose()
})
const whyNoHalf = backend?.half ? '' : ' (skipped: this adapter has no shader-f16)'
const devices = [['emulated', emulated] as const, ...(backend?.half ? [['as such', backend] as const] : [])]

const choices: ProductChoice[] = [
  { kind: 'tile', tile: tiles[1], parts: 1 },
  { kind: 'tile', tile: { ...tiles[2], double: true }, parts: 3 },
  { kind: 'narrow', narrow: { threads: 64, lanes: 8, each: 1, short: 2, subgroup: 1 }, parts: 1 },
  { kind: 'loops' },
]

/** out[i] = x[i] * y[i] in f16, and its sum. */
function map(count: number): LoopKernel {
  const [row, i] = [axis(0, 1), axis(1, count)]
  const value = binary('mul', load('f32', 0, rowMajor(i)), load('f32', 1, rowMajor(i)))
  return {
    kind: 'loop',
    name: 'map',
    buffers: [buffer('f16', count), buffer('f16', count), buffer('f16', count, 'write'), buffer('f32', 1, 'write')],
    scalars: [],
    parallel: [row],
    vector: false,
    scratch: [],
    body: [
      declare(0, 0),
      loop(i, [store(2, rowMajor(i), value), update(0, 'add', value)], { reduces: [0] }),
      store(3, rowMajor(row), acc(0)),
    ],
  }
}

describe.skipIf(!backend)(`f16${why}`, () => {
  test.each(devices)('%s: products', async (_, b) => {
    for (const choice of choices)
      for (const c of [
        { m: 36, n: 68, k: 40, transposeB: true },
        { m: 3, n: 33, k: 17, transposeA: true, epilogue: true },
      ]) {
        const kernel: MatmulKernel = { ...matmul({ ...c, dtype: 'f16' }), name: `${JSON.stringify([c, choice])}` }
        const alias = kernel.buffers.map((_, i) => i)
        b!.preset(kernel, printKernel(kernel, limits, alias, b!, choice))
        expect(await differences(b!, kernel, operands(kernel), {}, exact)).toEqual([])
      }
  })

  test.each(devices)('%s: results are rounded to even, odd numbers of elements', async (_, b) => {
    // halfway cases, subnormal results, overflow, NaN
    const x = [1.0009765625, 1.0029296875, 2 ** -14, 6e4, Number.NaN, -3, 0.1].map(numberToF16)
    const y = [1.00048828125, 1.00048828125, 0.5, 2, 1, 1, 3].map(numberToF16)
    const buffers = [Uint16Array.from(x), Uint16Array.from(y), new Uint16Array(7), new Float32Array(1)]
    const [, , out] = await onDevice(b!, map(7), buffers)
    const value = (i: number): number => f16ToNumber(Number(out[i]))
    for (const i of [0, 1, 3, 4, 5, 6])
      expect(value(i)).toBe(f16ToNumber(numberToF16(f16ToNumber(x[i]) * f16ToNumber(y[i]))))
    // a GPU may flush what is subnormal in f16
    expect([2 ** -15, 0]).toContain(value(2))
  })

  test.each(devices)('%s: what it takes in memory', (name, b) => {
    expect(b!.storedBytes('f16', 3)).toBe(name === 'as such' ? 6 : 12)
    expect(b!.storedBytes('bf16', 3)).toBe(12)
    expect(bf16ToNumber(0x3f80)).toBe(1)
  })

  test.skipIf(backend?.half)(
    `asked for where the adapter has none, it is an error that says so${backend?.half ? ' (skipped: this one has it)' : ''}`,
    async () => {
      const { createWebGPUBackend } = await import('./backend.ts')
      await expect(createWebGPUBackend({ half: true })).rejects.toThrow(/shader-f16/)
    },
  )

  test.skipIf(!backend?.half)(`as such it is what a card would choose${whyNoHalf}`, async () => {
    const kernel = matmul({ m: 1, n: 64, k: 512, dtype: 'f16', transposeB: true })
    backend!.preset(kernel, printKernel(kernel, limits, [0, 1, 2], backend!))
    expect(await differences(backend!, kernel, operands(kernel), {}, exact)).toEqual([])
  })
})

describe.skipIf(!nothing)(`f16 as such, as Dawn reads it${whyNoNullDevice(nothing)}`, () => {
  test('every template', async () => {
    const kernels = [
      matmul({ m: 36, n: 68, k: 40, transposeB: true, dtype: 'f16' }),
      matmul({ m: 33, n: 5, k: 17, dtype: 'f16', epilogue: true }),
    ]
    for (const choice of choices)
      for (const kernel of kernels)
        for (const shader of printKernel(
          kernel,
          limits,
          kernel.buffers.map((_, i) => i),
          { half: true },
          choice,
        ).stages) {
          expect(shader.code).toMatch(/^enable f16;/)
          expect(await errorsOf(nothing!, shader)).toEqual([])
        }
    for (const lanes of [1, 64]) {
      const { printLoops } = await import('./print.ts')
      const shader = printLoops(map(7), { threads: 64, lanes }, [0, 1, 2, 3], { half: true })
      expect(await errorsOf(nothing!, shader)).toEqual([])
    }
  })
})
