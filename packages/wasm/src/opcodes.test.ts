// Every row of the table: encoded with operands of its signature, validated; a set of them run against JavaScript.

import { expect, test } from 'vitest'
import { type FuncBuilder, features, ModuleBuilder, type ValueType } from './index.ts'
import { type Mnemonic, type Opcode, opcodes } from './opcodes.ts'

const letters: Record<string, ValueType> = { i: 'i32', l: 'i64', f: 'f32', d: 'f64', v: 'v128' }
const spell = (text: string): ValueType[] => [...text].map(letter => letters[letter])

/** Immediates that are valid for each kind. */
function immediates(kind: Opcode[2], module: ModuleBuilder): unknown[] {
  if (kind === undefined || kind === 'zero' || kind === 'zero2') return []
  if (kind === 'data' || kind === 'dataindex') return [module.data([1, 2, 3])]
  if (kind === 'v128' || kind === 'lanes16') return [Array.from({ length: 16 }, (_, i) => i * 2)]
  if (kind === 'lane') return [1]
  if (kind.startsWith('memlane')) return [1, 300]
  if (kind.startsWith('mem')) return [300]
  return [-2]
}

function assemble(name: Mnemonic): Uint8Array<ArrayBuffer> {
  const [code, signature, kind]: Opcode = opcodes[name]
  const module = new ModuleBuilder()
  const shared = code >> 12 === 0xfe
  module.memory(shared ? { min: 1, max: 1, shared } : { min: 1 })
  const [params, results = ''] = signature === '*' ? (name === 'drop' ? ['f'] : ['ffi', 'f']) : signature.split('>')
  module.func({ params: spell(params), results: spell(results), export: 'run' }, (f, ...operands) => {
    for (const operand of operands) f.get(operand)
    const emit = f[name] as (...args: unknown[]) => FuncBuilder
    emit.apply(f, immediates(kind, module))
  })
  return module.build()
}

const names = Object.keys(opcodes) as Mnemonic[]
const isRelaxed = (name: Mnemonic): boolean => opcodes[name][0] >= 0xfd_100 && opcodes[name][0] < 0xfe_000

const available = names.filter(name => features().relaxedSimd || !isRelaxed(name))

test('the table holds the whole instruction set once', () => {
  expect(names.length).toBeGreaterThan(440)
  expect(new Set(names.map(name => opcodes[name][0])).size).toBe(names.length)
})

test.each(available)('%s validates', name => {
  const bytes = assemble(name)
  expect(WebAssembly.validate(bytes)).toBe(true)
})

test('a wrong operand type does not validate, so the test above can fail', () => {
  const module = new ModuleBuilder()
  module.func({ params: ['f32'], results: ['i32'] }, (f, x) => f.get(x).get(x).i32_add())
  expect(WebAssembly.validate(module.build())).toBe(false)
})

const run = (name: Mnemonic, ...args: unknown[]): unknown => {
  const instance = new WebAssembly.Instance(new WebAssembly.Module(assemble(name)))
  return (instance.exports.run as (...args: unknown[]) => unknown)(...args)
}

const scalar: [Mnemonic, unknown[], unknown][] = [
  ['i32_add', [2147483647, 1], -2147483648],
  ['i32_mul', [65537, 65537], Math.imul(65537, 65537)],
  ['i32_div_s', [-7, 2], -3],
  ['i32_div_u', [-7, 2], 2147483644],
  ['i32_rem_s', [-7, 2], -1],
  ['i32_rotl', [0x80000001 | 0, 1], 3],
  ['i32_clz', [1], 31],
  ['i32_ctz', [8], 3],
  ['i32_popcnt', [255], 8],
  ['i32_shr_s', [-8, 1], -4],
  ['i32_shr_u', [-8, 1], 2147483644],
  ['i32_lt_u', [-1, 1], 0],
  ['i32_lt_s', [-1, 1], 1],
  ['i32_extend8_s', [255], -1],
  ['i32_extend16_s', [0x8000], -32768],
  ['i64_add', [2n ** 62n, 2n ** 62n], -(2n ** 63n)],
  ['i64_mul', [3000000000n, 3n], 9000000000n],
  ['i64_sub', [1n, 2n], -1n],
  ['i64_extend_i32_s', [-1], -1n],
  ['i64_extend_i32_u', [-1], 4294967295n],
  ['i32_wrap_i64', [4294967297n], 1],
  ['f32_add', [0.1, 0.2], Math.fround(Math.fround(0.1) + Math.fround(0.2))],
  ['f32_nearest', [2.5], 2],
  ['f32_copysign', [3, -0], -3],
  ['f32_sqrt', [2], Math.fround(Math.SQRT2)],
  ['f64_div', [1, 3], 1 / 3],
  ['f64_min', [-0, 0], -0],
  ['f64_max', [Number.NaN, 1], Number.NaN],
  ['f64_floor', [-1.5], -2],
  ['f64_trunc', [-1.5], -1],
  ['f64_promote_f32', [0.1], Math.fround(0.1)],
  ['f32_demote_f64', [0.1], Math.fround(0.1)],
  ['f32_convert_i32_u', [-1], 4294967296],
  ['f64_convert_i64_s', [-5n], -5],
  ['i32_trunc_f64_s', [-3.9], -3],
  ['i32_trunc_sat_f32_s', [1e20], 2147483647],
  ['i32_trunc_sat_f32_s', [Number.NaN], 0],
  ['i32_trunc_sat_f32_u', [-5], 0],
  ['i64_trunc_sat_f64_s', [1e30], 2n ** 63n - 1n],
  ['i32_reinterpret_f32', [1], 0x3f800000],
  ['f32_reinterpret_i32', [0x40490fdb], Math.fround(Math.PI)],
  ['select', [1, 2, 0], 2],
]

test.each(scalar)('%s(%s)', (name, args, expected) => {
  expect(run(name, ...args)).toBe(expected)
})

/** Runs a v128 instruction on lanes read from memory and returns the 16 bytes it leaves. */
function runVector(name: Mnemonic, inputs: ArrayBufferView[], ...args: unknown[]): ArrayBuffer {
  const module = new ModuleBuilder()
  module.memory({ min: 1 }, { export: 'memory' })
  module.func({ export: 'run' }, f => {
    f.i32_const(0)
    inputs.forEach((_, i) => {
      f.i32_const(0).v128_load(64 + 16 * i)
    })
    const emit = f[name] as (...args: unknown[]) => FuncBuilder
    emit.apply(f, args)
    f.v128_store()
  })
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.build()))
  const memory = new Uint8Array((exports.memory as WebAssembly.Memory).buffer)
  inputs.forEach((input, i) => {
    memory.set(new Uint8Array(input.buffer, input.byteOffset, 16), 64 + 16 * i)
  })
  ;(exports.run as () => void)()
  return memory.slice(0, 16).buffer
}

const f32 = (...x: number[]): Float32Array => Float32Array.from(x)
const i32 = (...x: number[]): Int32Array => Int32Array.from(x)
const u8 = (...x: number[]): Uint8Array => Uint8Array.from({ length: 16 }, (_, i) => x[i % x.length])

const vector: [Mnemonic, ArrayBufferView[], unknown[], ArrayLike<number>][] = [
  ['f32x4_add', [f32(1, 2, 3, 4), f32(10, 20, 30, 40)], [], f32(11, 22, 33, 44)],
  ['f32x4_div', [f32(1, 2, 3, 4), f32(3, 3, 3, 0)], [], f32(1 / 3, 2 / 3, 1, Number.POSITIVE_INFINITY)],
  ['f32x4_sqrt', [f32(4, 9, 2, 0)], [], f32(2, 3, Math.SQRT2, 0)],
  ['f32x4_max', [f32(1, Number.NaN, -0, 4), f32(2, 1, 0, -4)], [], f32(2, Number.NaN, 0, 4)],
  ['f32x4_pmax', [f32(1, 5, 3, 4), f32(2, 1, 9, -4)], [], f32(2, 5, 9, 4)],
  ['f32x4_nearest', [f32(0.5, 1.5, -2.5, 2.6)], [], f32(0, 2, -2, 3)],
  ['f32x4_lt', [f32(1, 2, 3, 4), f32(2, 2, 2, 5)], [], i32(-1, 0, 0, -1)],
  ['f32x4_convert_i32x4_s', [i32(-1, 2, 3, 4)], [], f32(-1, 2, 3, 4)],
  ['i32x4_trunc_sat_f32x4_s', [f32(-1.9, 1e20, Number.NaN, 7.9)], [], i32(-1, 2147483647, 0, 7)],
  ['i32x4_mul', [i32(1, -2, 3, 65536), i32(5, 6, 7, 65536)], [], i32(5, -12, 21, 0)],
  ['i32x4_min_u', [i32(-1, 2, 3, 4), i32(1, 1, 5, 5)], [], i32(1, 1, 3, 4)],
  ['v128_bitselect', [i32(1, 2, 3, 4), i32(5, 6, 7, 8), i32(-1, 0, -1, 0)], [], i32(1, 6, 3, 8)],
  ['v128_andnot', [i32(7, 7, 7, 7), i32(1, 2, 4, 0)], [], i32(6, 5, 3, 7)],
  ['i8x16_add_sat_u', [u8(250, 10), u8(10)], [], u8(255, 20)],
  ['i8x16_swizzle', [u8(1, 2, 3, 4), u8(3, 2, 1, 200)], [], u8(4, 3, 2, 0)],
  [
    'i8x16_shuffle',
    [i32(1, 2, 3, 4), i32(5, 6, 7, 8)],
    [[0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23]],
    i32(1, 5, 2, 6),
  ],
  ['v128_const', [], [[1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 255, 255, 255, 255]], i32(1, 2, 3, -1)],
]

const same = (buffer: ArrayBuffer, expected: ArrayLike<number>): void => {
  const View = (expected as Float32Array).constructor as new (b: ArrayBuffer) => ArrayLike<number>
  expect(new View(buffer)).toEqual(expected)
}

test.each(vector)('%s on lanes', (name, inputs, args, expected) => {
  same(runVector(name, inputs, ...args), expected)
})

test.skipIf(!features().relaxedSimd)('relaxed multiply-add on exact values (needs relaxed SIMD)', () => {
  const lanes = [f32(1, 2, 3, 4), f32(5, 6, 7, 8), f32(1, 1, 1, 1)]
  same(runVector('f32x4_relaxed_madd', lanes), f32(6, 13, 22, 33))
  same(runVector('f32x4_relaxed_nmadd', lanes), f32(-4, -11, -20, -31))
})

test('f32x4_const, f64x2_const and i32x4_const hold their lanes', () => {
  for (const [build, expected] of [
    [(f: FuncBuilder) => f.f32x4_const(1.5, -2, 0, 4), f32(1.5, -2, 0, 4)],
    [(f: FuncBuilder) => f.f64x2_const(0.1, -7), Float64Array.of(0.1, -7)],
    [(f: FuncBuilder) => f.i32x4_const(1, -2, 3, -4), i32(1, -2, 3, -4)],
  ] as const) {
    const module = new ModuleBuilder()
    module.memory({ min: 1 }, { export: 'memory' })
    module.func({ export: 'run' }, f => build(f.i32_const(0)).v128_store())
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.build()))
    ;(exports.run as () => void)()
    same((exports.memory as WebAssembly.Memory).buffer.slice(0, 16) as ArrayBuffer, expected)
  }
})
