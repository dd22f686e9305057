// The template for matrix units. No software device has any, so its text is proven in two halves: Dawn's null device, which runs nothing, parses and validates it as it
// is; and with the few matrix functions written out, every lane by itself, it runs here and is compared with the interpreter.

import { afterAll, describe, expect, test } from 'vitest'
import type { MatmulKernel } from '../../kernel/ir.ts'
import { differences, openBackend } from './differential.ts'
import { errorsOf, nullDevice, whyNoNullDevice } from './null-device.ts'
import type { Shader } from './print.ts'
import { alone } from './print.ts'
import { exact, matmul, operands, type Product } from './products.ts'
import { splitProduct } from './split.ts'
import { fitsMatrix, type MatrixConfig, type MatrixTile, printSubgroupMatrix } from './subgroup-matrix.ts'

const backend = await openBackend()
const why = backend ? '' : ' (skipped: no WebGPU adapter)'
const nothing = await nullDevice()
afterAll(() => backend?.dispose())

const f16: MatrixConfig = { type: 'f16', m: 16, n: 16, k: 16 }
const f32: MatrixConfig = { type: 'f32', m: 8, n: 8, k: 8 }
const tile = (config: MatrixConfig, subgroup: number): MatrixTile => ({
  config,
  subgroup,
  down: 2,
  across: 1,
  blockRows: 1,
  blockColumns: 2,
  depth: 2 * config.k,
})
const identity = (kernel: MatmulKernel): number[] => kernel.buffers.map((_, i) => i)

describe.skipIf(!nothing)(`subgroup matrices, as Dawn reads them${whyNoNullDevice(nothing)}`, () => {
  test.each<[string, Product, MatrixTile]>([
    ['f16', { m: 64, n: 64, k: 64, dtype: 'f16' }, tile(f16, 32)],
    ['f16 in every layout', { m: 64, n: 64, k: 64, dtype: 'f16', transposeA: true, transposeB: true }, tile(f16, 32)],
    ['f16, ragged, with an epilogue', { batch: [2], m: 33, n: 35, k: 37, dtype: 'f16', epilogue: true }, tile(f16, 32)],
    ['f32', { m: 64, n: 64, k: 64 }, { ...tile(f32, 32), blockRows: 2 }],
    ['other sizes', { m: 64, n: 64, k: 64, dtype: 'f16' }, tile({ type: 'f16', m: 16, n: 8, k: 16 }, 32)],
  ])('%s', async (_, c, t) => {
    const kernel = matmul(c)
    expect(await errorsOf(nothing!, printSubgroupMatrix(kernel, t, identity(kernel), { half: true }))).toEqual([])
    const { partial, part } = splitProduct(kernel, 4)
    expect(await errorsOf(nothing!, printSubgroupMatrix(partial, t, identity(partial), { half: true }, part))).toEqual(
      [],
    )
  })

  test('what Dawn would not take is found', async () => {
    const kernel = matmul({ m: 64, n: 64, k: 64, dtype: 'f16' })
    const shader = printSubgroupMatrix(kernel, tile(f16, 32), identity(kernel), { half: true })
    const broken = {
      ...shader,
      code: shader.code.replace('subgroup_matrix_left<f16, 16, 16>', 'subgroup_matrix_left<f16, 8, 16>'),
    }
    expect((await errorsOf(nothing!, broken)).length).toBeGreaterThan(0)
  })
})

test('f16 is multiplied as f16, f32 as f32; operands of two types, and what does not fit, are left to other templates', () => {
  const limits = { threads: 256, workgroupBytes: 32768, software: false, subgroup: 32 }
  const halves = matmul({ m: 64, n: 64, k: 64, dtype: 'f16' })
  const singles = matmul({ m: 64, n: 64, k: 64 })
  expect(fitsMatrix(tile(f16, 32), halves, limits)).toBe(true)
  expect(fitsMatrix(tile(f16, 32), singles, limits)).toBe(false)
  expect(fitsMatrix(tile(f32, 32), singles, limits)).toBe(true)
  const mixed = { ...halves, buffers: [singles.buffers[0], ...halves.buffers.slice(1)] }
  expect(fitsMatrix(tile(f16, 32), mixed, limits)).toBe(false)
  expect(fitsMatrix(tile(f16, 32), halves, { ...limits, subgroup: 16 })).toBe(false)
  expect(fitsMatrix(tile(f16, 32), halves, { ...limits, workgroupBytes: 2048 })).toBe(false)
})

/** The matrix functions written out: each lane of a subgroup holds whole matrices, and all compute and store the same. */
function writtenOut(shader: Shader, { type, m, n, k }: MatrixConfig): Shader {
  const functions = `
alias Left = array<${type}, ${m * k}>;
alias Right = array<${type}, ${k * n}>;
alias Result = array<f32, ${m * n}>;
fn load_left(at: u32, stride: u32) -> Left {
  var x: Left;
  for (var i = 0u; i < ${m}u; i++) { for (var j = 0u; j < ${k}u; j++) { x[i * ${k}u + j] = wa[at + i * stride + j]; } }
  return x;
}
fn load_right(at: u32, stride: u32) -> Right {
  var x: Right;
  for (var i = 0u; i < ${k}u; i++) { for (var j = 0u; j < ${n}u; j++) { x[i * ${n}u + j] = wb[at + i * stride + j]; } }
  return x;
}
fn multiply(a: Left, b: Right, c: Result) -> Result {
  var l = a; var r = b; var x = c;
  for (var i = 0u; i < ${m}u; i++) { for (var j = 0u; j < ${n}u; j++) { for (var h = 0u; h < ${k}u; h++) {
    x[i * ${n}u + j] += f32(l[i * ${k}u + h]) * f32(r[h * ${n}u + j]);
  } } }
  return x;
}
fn put(at: u32, c: Result, stride: u32) {
  var x = c;
  for (var i = 0u; i < ${m}u; i++) { for (var j = 0u; j < ${n}u; j++) { wc[at + i * stride + j] = x[i * ${n}u + j]; } }
}
`
  const code = shader.code
    .replace(/diagnostic.*\nenable chromium_experimental_subgroup_matrix;/, '')
    .replace('@compute', `${functions}@compute`)
    .replaceAll(`subgroupMatrixLoad<subgroup_matrix_left<${type}, ${k}, ${m}>, row_major>(&wa, `, 'load_left(')
    .replaceAll(`subgroupMatrixLoad<subgroup_matrix_right<${type}, ${n}, ${k}>, row_major>(&wb, `, 'load_right(')
    .replaceAll(`subgroup_matrix_result<f32, ${n}, ${m}>`, 'Result')
    .replaceAll('subgroupMatrixMultiplyAccumulate(', 'multiply(')
    .replaceAll('subgroupMatrixStore<row_major>(&wc, ', 'put(')
  expect(code).not.toMatch(/subgroup_?matrix/i)
  return { ...shader, code }
}

describe.skipIf(!backend)(`subgroup matrices, written out${why}`, () => {
  const small: MatrixConfig = { type: 'f32', m: 4, n: 8, k: 4 }
  test.each<[Product, Partial<MatrixTile>]>([
    [{ m: 16, n: 32, k: 24 }, {}],
    [{ m: 13, n: 21, k: 11, epilogue: true }, {}],
    [
      { m: 20, n: 36, k: 16, transposeA: true, transposeB: true },
      { blockRows: 2, across: 2 },
    ],
    [
      { batch: [2], m: 9, n: 16, k: 12, transposeB: true },
      { blockRows: 2, blockColumns: 1 },
    ],
    [{ m: 8, n: 8, k: 0 }, {}],
  ])('%j %j', async (c, changes) => {
    const t = { ...tile(small, 4), ...changes }
    const kernel = matmul(c)
    backend!.preset(kernel, alone(writtenOut(printSubgroupMatrix(kernel, t, identity(kernel)), small)))
    expect(await differences(backend!, kernel, operands(kernel), {}, exact)).toEqual([])
  })

  test('a sum that is cut', async () => {
    const kernel = matmul({ m: 12, n: 20, k: 60 })
    const { partial, part, join, scratch } = splitProduct(kernel, 4)
    const { printLoops } = await import('./print.ts')
    const stages = [
      writtenOut(printSubgroupMatrix(partial, tile(small, 4), identity(partial), {}, part), small),
      printLoops(join, { threads: 64, lanes: 1 }, identity(partial)),
    ]
    backend!.preset(kernel, { stages, scratch })
    expect(await differences(backend!, kernel, operands(kernel), {}, exact)).toEqual([])
  })
})
