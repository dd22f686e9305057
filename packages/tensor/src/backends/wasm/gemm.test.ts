// The matrix product against a plain loop in double precision: every layout, odd sizes, several depth blocks, strips,
// batches, ranges cut anywhere. Layouts and leading dimensions surround operands with NaN, which must never leak in.

import { type Func, features, longestChunk, ModuleBuilder } from '@cairn/wasm'
import { describe, expect, test } from 'vitest'
import { emitGemmKernel, type GemmSpec, gemmScratchBytes, planGemm, stripParams } from './gemm.ts'

type Kernel = (params: number, begin: number, end: number, scratch: number) => void

interface Case {
  readonly batch?: number
  readonly m: number
  readonly n: number
  readonly k: number
  /** floats of padding after each stored row */
  readonly pad?: number
  readonly byRows?: boolean
  /** this operand ends where memory ends, so that reading past it traps */
  readonly last?: 'a' | 'b'
}

const pages = 1024
const memory = new WebAssembly.Memory({ initial: pages })
const floats = new Float32Array(memory.buffer)
const words = new Uint32Array(memory.buffer)

/** Parameter words of the test kernel. */
const word = {
  a: 0,
  b: 1,
  c: 2,
  m: 3,
  n: 4,
  k: 5,
  lda: 6,
  ldb: 7,
  ldc: 8,
  byRows: 9,
  aBatch: 10,
  bBatch: 11,
  cBatch: 12,
}

interface Options {
  readonly transposeA: boolean
  readonly transposeB: boolean
  readonly fused: boolean
  /** results go through a strip function that stores 2 * x + row to C, and counts elements */
  readonly strip: boolean
}

const compiled = new Map<string, Kernel>()

function kernelFor(options: Options): Kernel {
  const key = JSON.stringify(options)
  let kernel = compiled.get(key)
  if (!kernel) {
    const module = new ModuleBuilder()
    module.importMemory('env', 'memory', { min: pages })
    const strip = options.strip ? emitTestStrip(module) : undefined
    emitGemmKernel(module, {
      ...options,
      strip,
      shape(f, params, shape) {
        for (const name of ['m', 'n', 'k', 'lda', 'ldb', 'ldc', 'byRows'] as const)
          f.get(params)
            .i32_load(word[name] * 4)
            .set(shape[name])
      },
      operands(f, params, { batch, ...operands }) {
        for (const name of ['a', 'b', 'c'] as const) {
          f.get(params).i32_load(word[name] * 4)
          f.get(batch)
            .get(params)
            .i32_load(word[`${name}Batch`] * 4)
            .i32_mul()
            .i32_const(4)
            .i32_mul()
          f.i32_add().set(operands[name])
        }
      },
    })
    const bytes = module.build()
    kernel = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } }).exports
      .kernel as unknown as Kernel
    compiled.set(key, kernel)
  }
  return kernel
}

/** c[m][n] += 2 * x + m for every element, so a second visit would show. */
function emitTestStrip(module: ModuleBuilder): Func {
  return module.func({ name: 'strip', params: stripParams }, (f, params, at, ld, m0, rows, n0, n1, extra) => {
    const [i, j, place] = [f.local('i32'), f.local('i32'), f.local('i32')]
    f.while(
      () => f.get(i).get(rows).i32_lt_u(),
      () => {
        f.get(n0).set(j)
        f.while(
          () => f.get(j).get(n1).i32_lt_u(),
          () => {
            f.get(m0)
              .get(i)
              .i32_add()
              .get(params)
              .i32_load(word.ldc * 4)
              .i32_mul()
              .get(j)
              .i32_add()
            f.get(extra)
              .get(params)
              .i32_load(word.cBatch * 4)
              .i32_mul()
              .i32_add()
            f.i32_const(4)
              .i32_mul()
              .get(params)
              .i32_load(word.c * 4)
              .i32_add()
              .tee(place)
            f.get(place).f32_load()
            f.get(i).get(ld).i32_mul().get(j).i32_add().get(n0).i32_sub().i32_const(4).i32_mul()
            f.get(at).i32_add().f32_load().f32_const(2).f32_mul().f32_add()
            f.get(m0).get(i).i32_add().f32_convert_i32_u().f32_add()
            f.f32_store()
            f.get(j).i32_const(1).i32_add().set(j)
          },
        )
        f.get(i).i32_const(1).i32_add().set(i)
      },
    )
  })
}

/** Deterministic numbers in [-1, 1) from a seed. */
function random(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.fround(state / 2 ** 31 - 1)
  }
}

interface Run {
  readonly items: number
  readonly scratchBytes: number
  /** computes with the items cut at these places and returns C, batch after batch, without padding */
  compute(cuts: readonly number[]): Float32Array
  /** the product in double precision, and the sum of magnitudes that bounds its error */
  expected(): { value: Float64Array; magnitude: Float64Array }
}

const specOf = ({ strip, ...options }: Options): GemmSpec => ({
  ...options,
  strip: strip ? ({} as Func) : undefined,
})

/** @param scratchBytes that the ranges need; by default what any need */
function prepare(
  options: Options,
  { batch = 1, m, n, k, pad = 0, byRows = false, last }: Case,
  seed: number,
  scratchBytes: number = gemmScratchBytes(specOf(options), m, n, k),
): Run {
  const next = random(seed)
  const [aRows, aColumns] = options.transposeA ? [k, m] : [m, k]
  const [bRows, bColumns] = options.transposeB ? [n, k] : [k, n]
  const [lda, ldb, ldc] = [aColumns + pad, bColumns + pad, n + pad]
  const [aBatch, bBatch, cBatch] = [aRows * lda, bRows * ldb, m * ldc]
  const align = (x: number): number => Math.ceil(x / 16) * 16
  const params = 1024
  const end = floats.length
  const a = last === 'a' ? end - (batch * aBatch - pad) : 2048 + 4 // operands need not be aligned
  const b = last === 'b' ? end - (batch * bBatch - pad) : 2048 + 4 + batch * aBatch + 1
  const c = 2048 + 4 + batch * (aBatch + bBatch) + 2
  const scratch = align(c + batch * cBatch + 64)
  const guard = scratch + scratchBytes / 4
  if (guard + 64 > end - batch * (aBatch + bBatch)) throw new Error('test memory too small')
  floats.fill(Number.NaN, 2048, guard + 64)
  const matrix = (at: number, rows: number, columns: number, ld: number): void => {
    for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) floats[at + i * ld + j] = next()
  }
  for (let s = 0; s < batch; s++) {
    matrix(a + s * aBatch, aRows, aColumns, lda)
    matrix(b + s * bBatch, bRows, bColumns, ldb)
  }
  words.set([a * 4, b * 4, c * 4, m, n, k, lda, ldb, ldc, byRows ? 1 : 0, aBatch, bBatch, cBatch], params)
  const items = batch * (byRows ? Math.ceil(m / 16) : Math.ceil(n / 8))
  const kernel = kernelFor(options)

  return {
    items,
    scratchBytes,
    compute(cuts) {
      floats.fill(Number.NaN, scratch, guard + 64)
      floats.fill(options.strip ? 0 : Number.NaN, c, c + batch * cBatch)
      const ends = [...cuts, items]
      ends.forEach((end, i) => {
        kernel(params * 4, i === 0 ? 0 : ends[i - 1], end, scratch * 4)
      })
      for (let i = 0; i < 64; i++) if (!Number.isNaN(floats[guard + i])) throw new Error('wrote past its scratch')
      const out = new Float32Array(batch * m * n)
      for (let s = 0; s < batch; s++)
        for (let i = 0; i < m; i++) {
          out.set(floats.subarray(c + s * cBatch + i * ldc, c + s * cBatch + i * ldc + n), (s * m + i) * n)
          for (let j = n; j < ldc; j++) {
            const padding = floats[c + s * cBatch + i * ldc + j]
            if (options.strip ? padding !== 0 : !Number.isNaN(padding)) throw new Error('wrote into the padding of C')
          }
        }
      return out
    },
    expected() {
      const value = new Float64Array(batch * m * n)
      const magnitude = new Float64Array(batch * m * n)
      const [ai, ap] = options.transposeA ? [1, lda] : [lda, 1]
      const [bp, bj] = options.transposeB ? [1, ldb] : [ldb, 1]
      for (let s = 0; s < batch; s++)
        for (let i = 0; i < m; i++)
          for (let j = 0; j < n; j++) {
            let sum = 0
            let size = 0
            for (let p = 0; p < k; p++) {
              const term = floats[a + s * aBatch + i * ai + p * ap] * floats[b + s * bBatch + p * bp + j * bj]
              sum += term
              size += Math.abs(term)
            }
            value[(s * m + i) * n + j] = options.strip ? 2 * sum + i : sum
            magnitude[(s * m + i) * n + j] = options.strip ? 2 * size + i : size
          }
      return { value, magnitude }
    },
  }
}

/** The largest error in units of the rounding bound: products and sums of k terms err by about sqrt(k) ulps. */
function check(actual: Float32Array, { value, magnitude }: ReturnType<Run['expected']>, k: number): void {
  const bound = 2 ** -24 * (Math.sqrt(k) + 3)
  for (let i = 0; i < value.length; i++) {
    const error = Math.abs(actual[i] - value[i])
    if (!(error <= bound * magnitude[i] + 1e-30))
      throw new Error(`element ${i} is ${actual[i]}, expected ${value[i]} (bound ${bound * magnitude[i]})`)
  }
}

const bits = (x: Float32Array): Uint32Array => new Uint32Array(x.buffer, x.byteOffset, x.length)

const relaxed = features().relaxedSimd
const layouts = [false, true].flatMap(transposeA => [false, true].map(transposeB => ({ transposeA, transposeB })))
const layoutName = ({ transposeA, transposeB }: Pick<GemmSpec, 'transposeA' | 'transposeB'>): string =>
  `A${transposeA ? "'" : ''}B${transposeB ? "'" : ''}`

const sizes = [1, 2, 3, 5, 6, 7, 8, 9, 13, 31, 64, 65, 127, 130]

/** Every size on every side at least twice, mixed by a fixed seed. */
const mixed: Case[] = [11, 12, 13].flatMap(seed => {
  const next = random(seed)
  const pick = (): number => sizes[Math.floor((next() + 1) * 0.5 * sizes.length) % sizes.length]
  return sizes.flatMap(size => [
    { m: size, n: pick(), k: pick(), pad: 0 },
    { m: pick(), n: size, k: pick(), pad: 3 },
    { m: pick(), n: pick(), k: size, pad: 8 },
  ])
})

const edges: Case[] = [
  { m: 4, n: 5, k: 0 },
  { m: 1, n: 9, k: 0 },
  { m: 9, n: 1, k: 0 },
  { m: 1, n: 1, k: 1 },
  { m: 0, n: 5, k: 3 },
  { m: 5, n: 0, k: 3 },
]

const deep: Case[] = [
  { m: 20, n: 21, k: 1024 },
  { m: 20, n: 21, k: 1025, pad: 1 },
  { m: 13, n: 40, k: 2051 },
  { m: 210, n: 9, k: 1100 },
  { m: 3, n: 270, k: 1100 },
  { m: 7, n: 24, k: 9000 },
  // more rows than wait between passes, and more than are turned at a time
  { m: 800, n: 9, k: 1030 },
  { m: 280, n: 3, k: 8200 },
]

const wide: Case[] = [
  { m: 200, n: 530, k: 20 },
  { m: 400, n: 33, k: 70, pad: 5 },
  { m: 1, n: 2100, k: 33 },
  { m: 2100, n: 1, k: 33 },
]

describe.each(layouts)('gemm $transposeA $transposeB', layout => {
  const options: Options = { ...layout, fused: relaxed, strip: false }

  test.each([
    ['mixed odd sizes', mixed],
    ['empty sides and k = 0', edges],
    ['k in several blocks', deep],
    ['several blocks of rows and columns', wide],
  ] as const)(`${layoutName(layout)}: %s`, (_, cases) => {
    cases.forEach((sized, i) => {
      for (const byRows of [false, true])
        for (const strip of [false, true]) {
          const run = prepare({ ...options, strip }, { ...sized, byRows }, 100 + i)
          check(run.compute([]), run.expected(), sized.k)
        }
    })
  })

  test(`${layoutName(layout)}: ranges cut anywhere give the same bits, by columns and by rows`, () => {
    const cases: Case[] = [
      { m: 37, n: 300, k: 65 },
      { m: 50, n: 45, k: 1300 },
      { m: 1, n: 1500, k: 70 },
      { m: 1500, n: 1, k: 70 },
      { batch: 5, m: 19, n: 30, k: 12 },
      { batch: 4, m: 1, n: 20, k: 50 },
      { batch: 3, m: 40, n: 1, k: 50 },
    ]
    const next = random(7)
    for (const sized of cases)
      for (const strip of [false, true]) {
        const whole = bits(prepare({ ...options, strip }, sized, 5).compute([]))
        for (const byRows of [false, true]) {
          const run = prepare({ ...options, strip }, { ...sized, byRows }, 5)
          const cuts = Array.from({ length: 3 }, () => Math.floor((next() + 1) * 0.5 * run.items)).sort((x, y) => x - y)
          expect(bits(run.compute(cuts)), `${JSON.stringify(sized)} byRows ${byRows} cut at ${cuts}`).toEqual(whole)
          const each = Array.from({ length: run.items - 1 }, (_, i) => i + 1)
          expect(bits(run.compute(each)), `${JSON.stringify(sized)} byRows ${byRows} one by one`).toEqual(whole)
        }
      }
  })

  test(`${layoutName(layout)}: the plan's scratch is enough for the chunks that threads are given`, () => {
    for (const sized of [
      { batch: 1, m: 100, n: 420, k: 900 },
      { batch: 1, m: 900, n: 24, k: 1030 },
      { batch: 1, m: 200, n: 130, k: 700 },
      { batch: 6, m: 40, n: 30, k: 20 },
    ])
      for (const strip of [false, true]) {
        const { byRows, items, grain, scratchBytes } = planGemm(specOf({ ...options, strip }), sized, 2)
        const cuts: number[] = []
        for (let at = 0; at < items; at += longestChunk(items - at, grain, 2)) if (at > 0) cuts.push(at)
        const whole = prepare({ ...options, strip }, { ...sized, byRows }, 6).compute([])
        const inChunks = prepare({ ...options, strip }, { ...sized, byRows }, 6, scratchBytes).compute(cuts)
        expect(inChunks.every((x, i) => x === whole[i])).toBe(true)
      }
  })

  test(`${layoutName(layout)}: nothing is read past the end of an operand`, () => {
    for (const last of ['a', 'b'] as const)
      for (const [m, n, k] of [
        [7, 13, 18],
        [5, 9, 33],
        [2, 3, 5],
        [3, 2, 1],
        [1, 13, 18],
        [13, 1, 18],
        [1, 1, 7],
        [6, 3, 2],
      ]) {
        const run = prepare(options, { m, n, k, pad: 2, last }, 9)
        check(run.compute([]), run.expected(), k)
      }
  })

  test(`${layoutName(layout)}: batches, and without relaxed multiply-add`, () => {
    for (const fused of relaxed ? [true, false] : [false])
      for (const sized of [
        { batch: 3, m: 9, n: 17, k: 33 },
        { m: 31, n: 13, k: 1030 },
        { m: 1, n: 13, k: 40 },
      ] as Case[]) {
        const run = prepare({ ...options, fused }, sized, 3)
        check(run.compute([]), run.expected(), sized.k)
      }
  })
})

test('NaN and infinity reach exactly the rows and columns they belong to', () => {
  const run = prepare({ transposeA: false, transposeB: false, fused: relaxed, strip: false }, { m: 9, n: 11, k: 5 }, 1)
  floats[2052 + 4 * 5 + 2] = Number.NaN // A[4][2]
  const out = run.compute([])
  for (let i = 0; i < 9; i++) for (let j = 0; j < 11; j++) expect(Number.isNaN(out[i * 11 + j])).toBe(i === 4)
})

test('the plan covers every item whatever the sizes', () => {
  for (const layout of layouts)
    for (const sized of [
      { batch: 1, m: 2048, n: 2048, k: 2048 },
      { batch: 48, m: 64, n: 64, k: 64 },
      { batch: 1, m: 5000, n: 10, k: 64 },
      { batch: 1, m: 1, n: 50257, k: 768 },
      { batch: 7, m: 3000, n: 1, k: 9 },
      { batch: 0, m: 3, n: 4, k: 5 },
      { batch: 1, m: 0, n: 4, k: 5 },
    ])
      for (const threads of [1, 2, 8]) {
        const { byRows, items, grain } = planGemm(layout, sized, threads)
        const units = sized.m === 0 || sized.n === 0 ? 0 : byRows ? Math.ceil(sized.m / 16) : Math.ceil(sized.n / 8)
        expect(items).toBe(sized.batch * units)
        expect(grain).toBeGreaterThan(0)
        expect(Number.isInteger(grain)).toBe(true)
      }
})

test('two threads share a tall product by rows and a wide one by columns, in equal parts', () => {
  const layout = { transposeA: false, transposeB: false }
  const tall = planGemm(layout, { batch: 1, m: 768, n: 128, k: 512 }, 2)
  expect([tall.byRows, tall.items, tall.grain]).toEqual([true, 48, 24])
  const wide = planGemm(layout, { batch: 1, m: 256, n: 384, k: 128 }, 2)
  expect([wide.byRows, wide.items, wide.grain]).toEqual([false, 48, 24])
  expect(planGemm(layout, { batch: 1, m: 1024, n: 128, k: 128 }, 2).grain).toBe(32)
})
