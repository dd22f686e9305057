// Tensors from the host and from nothing: values, dtypes, that the host's arrays are copied or borrowed as said, errors.

import { describe, expect, test } from 'vitest'
import {
  arange,
  type DType,
  eye,
  fromBuffer,
  full,
  linspace,
  type Nested,
  ones,
  type Tensor,
  type TypedArray,
  tensor,
  zeros,
} from './index.ts'
import { supports } from './testing/check-op.ts'
import { onEachDevice } from './testing/devices.ts'

const on = { device: 'reference' } as const

describe('tensor', () => {
  onEachDevice('from nested arrays, numbers and booleans', async () => {
    const x = tensor([[1, 2.5], [3, -4]]) // biome-ignore format: a matrix
    expect([x.shape, x.dtype, x.ndim, x.size]).toEqual([[2, 2], 'f32', 2, 4])
    expect(await x.toArray()).toEqual([[1, 2.5], [3, -4]]) // biome-ignore format: a matrix
    expect(await tensor(7).toArray()).toBe(7)
    expect(await tensor([true, false]).toArray()).toEqual([true, false])
    expect(tensor(true).dtype).toBe('bool')
    expect(await tensor([[], []]).toArray()).toEqual([[], []])
    expect(tensor([[], []]).shape).toEqual([2, 0])
    expect(tensor([]).shape).toEqual([0])
  })
  onEachDevice('every dtype holds its own values', async device => {
    const held: [DType, number[]][] = [
      ['f32', [0.1, -1e30, 1e-40].map(Math.fround)],
      ['f64', [0.1, -1e300]],
      ['f16', [0.0999755859375, 65504, 2 ** -24]],
      ['bf16', [0.10009765625, -1.5]],
      ['i32', [-(2 ** 31), 2 ** 31 - 1]],
      ['u32', [0, 2 ** 32 - 1]],
      ['i8', [-128, 127]],
      ['u8', [0, 255]],
      ['i64', [-(2 ** 53), 2 ** 53]],
      ['bool', [0, 1]],
    ]
    for (const [dtype, values] of held)
      if (supports(device, dtype)) expect(await tensor(values, { dtype }).numbers(), dtype).toEqual(values)
  })
  onEachDevice('typed arrays keep their type', async device => {
    const arrays: [TypedArray, DType][] = [
      [Float32Array.of(1.5, NaN), 'f32'],
      [Float64Array.of(0.1), 'f64'],
      [Int32Array.of(-5), 'i32'],
      [Uint32Array.of(4e9), 'u32'],
      [Int8Array.of(-5), 'i8'],
      [Uint8Array.of(200), 'u8'],
      [BigInt64Array.of(-(2n ** 60n) - 1n), 'i64'],
    ]
    for (const [data, dtype] of arrays) {
      if (!supports(device, dtype)) continue
      const x = tensor(data)
      expect([x.dtype, x.shape]).toEqual([dtype, [data.length]])
      expect(await x.data()).toEqual(data)
    }
    const bits = Uint16Array.of(0x3c00, 0xc000)
    expect(await tensor(bits, [2], { dtype: 'f16' }).numbers()).toEqual([1, -2])
    expect(await tensor(Uint16Array.of(0x3f80), { dtype: 'bf16' }).numbers()).toEqual([1])
    expect(await tensor(Int32Array.of(1, 2, 3, 4), [2, 2], { dtype: 'f32' }).toArray()).toEqual([[1, 2], [3, 4]]) // biome-ignore format: a matrix
    expect(await tensor(Uint8Array.of(0, 2, 255), { dtype: 'bool' }).data()).toEqual(Uint8Array.of(0, 1, 1))
    expect(await tensor(Uint8Array.of(0, 2), { dtype: 'bool' }).to('i32').toArray()).toEqual([0, 1])
  })
  onEachDevice('copies when it is called', async () => {
    const buffer = Float32Array.of(1, 2)
    const x = tensor(buffer)
    buffer.fill(9)
    expect(await x.toArray()).toEqual([1, 2])
    const y = tensor(buffer).add(1)
    buffer.fill(0)
    expect(await y.toArray()).toEqual([10, 10])
  })
  onEachDevice('fromBuffer borrows until it is used', async () => {
    const buffer = Float32Array.of(1, 2, 3, 4)
    const x = fromBuffer(buffer, [2, 2])
    buffer[0] = 7
    expect(await x.add(0).toArray()).toEqual([[7, 2], [3, 4]]) // biome-ignore format: a matrix
  })
  onEachDevice("data() is the caller's own", async () => {
    const x = tensor([1, 2])
    const first = await x.data()
    first.fill(0 as never)
    expect(await x.toArray()).toEqual([1, 2])
    const y = await x.add(1).data()
    y.fill(0 as never)
    expect(await x.add(1).toArray()).toEqual([2, 3])
  })
})

describe('from nothing', () => {
  const cases: [string, () => Tensor, DType, unknown][] = [
    ['zeros', () => zeros([2, 1]), 'f32', [[0], [0]]],
    ['ones of i32', () => ones([2], { dtype: 'i32' }), 'i32', [1, 1]],
    ['ones of bool', () => ones([1], { dtype: 'bool' }), 'bool', [true]],
    ['full', () => full([2], -1.5), 'f32', [-1.5, -1.5]],
    ['full of 0-d', () => full([], 3), 'f32', 3],
    ['full of nothing', () => full([0, 2], 3), 'f32', []],
    ['full of NaN', () => full([1], NaN), 'f32', [NaN]],
    ['arange', () => arange(4), 'i32', [0, 1, 2, 3]],
    ['arange from', () => arange(2, 5), 'i32', [2, 3, 4]],
    ['arange by', () => arange(5, 0, -2), 'i32', [5, 3, 1]],
    ['arange of a fraction', () => arange(0, 1, 0.25), 'f32', [0, 0.25, 0.5, 0.75]],
    ['arange of f32', () => arange(0, 3, 1, { dtype: 'f32' }), 'f32', [0, 1, 2]],
    ['arange that is empty', () => arange(3, 1), 'i32', []],
    ['arange of nothing', () => arange(0), 'i32', []],
    ['linspace', () => linspace(-1, 1, 5), 'f32', [-1, -0.5, 0, 0.5, 1]],
    ['linspace of one', () => linspace(3, 9, 1), 'f32', [3]],
    ['linspace of none', () => linspace(3, 9, 0), 'f32', []],
    ['eye', () => eye(2), 'f32', [[1, 0], [0, 1]]],
    ['eye that is wide', () => eye(2, 3, { dtype: 'i32' }), 'i32', [[1, 0, 0], [0, 1, 0]]],
  ] // biome-ignore format: one case a line
  for (const [name, make, dtype, wanted] of cases)
    onEachDevice(
      name,
      async () => {
        const x = make()
        expect(x.dtype).toBe(dtype)
        expect(await x.toArray()).toEqual(wanted)
      },
      { on: ['reference', 'wasm'] },
    )
  test('all of them can require gradients', () => {
    const grads = { ...on, requiresGrad: true }
    const made = [
      tensor([1], grads),
      fromBuffer(Float32Array.of(1), [1], grads),
      zeros([1], grads),
      ones([1], grads),
      full([1], 2, grads),
      arange(0, 1, 0.5, grads),
      linspace(0, 1, 2, grads),
      eye(2, 2, grads),
    ]
    for (const x of made) {
      expect(x.requiresGrad).toBe(true)
      expect(x.storage).not.toBeNull()
    }
  })
  test('the end of linspace is the end', async () => {
    for (const n of [7, 11, 100]) expect((await linspace(0, 0.7, n, on).numbers())[n - 1]).toBe(Math.fround(0.7))
  })
})

describe('errors', () => {
  const bad = (x: unknown): Nested => x as Nested
  const cases: [string, () => unknown, RegExp][] = [
    ['ragged arrays', () => tensor([[1, 2], [3]], on), /^tensor: nested arrays have different lengths along axis 1 \(expected 2\)/],
    ['arrays of two depths', () => tensor([1, [2]], on), /^tensor: nested arrays have different depths/],
    ['a number among arrays', () => tensor([[1], 2], on), /^tensor: nested arrays have different lengths/],
    ['a string', () => tensor(bad('abc'), on), /^tensor: needs numbers or booleans, got string/],
    ['a string inside', () => tensor(bad([1, 'x']), on), /^tensor: needs numbers or booleans, got string/],
    ['nothing inside', () => tensor(bad([1, undefined]), on), /^tensor: needs numbers or booleans, got undefined/],
    ['fractions as integers', () => tensor([1.5], { ...on, dtype: 'i32' }), /^tensor: 1\.5 is not an integer and the dtype is i32; use \{ dtype: 'f32' \}/],
    ['NaN as an integer', () => tensor([NaN], { ...on, dtype: 'u8' }), /^tensor: NaN is not an integer/],
    ['fractions as integers, typed', () => tensor(Float32Array.of(1.5), { ...on, dtype: 'i32' }), /^tensor: 1\.5 is not an integer/],
    ['fractions as i64, typed', () => tensor(Float32Array.of(Infinity), { ...on, dtype: 'i64' }), /^tensor: Infinity is not an integer/],
    ['a shape that does not fit', () => tensor(Float32Array.of(1, 2, 3), [2, 2], on), /^tensor: 3 values do not fill \[2, 2\] \(needed 4\)/],
    ['a negative size', () => tensor(Float32Array.of(1), [-1], on), /^tensor: sizes must be non-negative integers \(shape \[-1\]\)/],
    ['16 bits without a dtype', () => tensor(Uint16Array.of(1), on), /^tensor: cannot tell the dtype of a Uint16Array; pass \{ dtype \}/],
    ['an unknown dtype', () => tensor([1], { ...on, dtype: 'float32' as DType }), /^tensor: there is no dtype 'float32'; use one of .*f32/],
    ['an unknown dtype of zeros', () => zeros([1], { ...on, dtype: 'float32' as DType }), /^zeros: there is no dtype 'float32'/],
    ['an unknown device', () => zeros([1], { device: 'cuda' as 'wasm' }), /^device: there is no device 'cuda'; use 'wasm'/],
    ['fromBuffer of another type', () => fromBuffer(Float64Array.of(1), [1], { ...on, dtype: 'f32' }), /^fromBuffer: f32 is not stored in a Float64Array; use tensor\(\)/],
    ['fromBuffer of another size', () => fromBuffer(Float32Array.of(1), [2], on), /^fromBuffer: 1 values do not fill \[2\]/],
    ['full of a fraction', () => full([1], 1.5, { ...on, dtype: 'i32' }), /^full: 1\.5 is not an integer and the dtype is i32/],
    ['full of a bool that is neither', () => full([1], 2, { ...on, dtype: 'bool' }), /^full: 2 .*bool/],
    ['zeros of a negative size', () => zeros([-1], on), /^zeros: sizes must be non-negative integers \(shape \[-1\]\)/],
    ['ones of a fractional size', () => ones([1.5], on), /^ones: sizes must be non-negative integers/],
    ['gradients of integers', () => zeros([1], { ...on, dtype: 'i32', requiresGrad: true }), /^requiresGrad: only floating-point tensors have gradients, not i32/],
    ['arange with a step of 0', () => arange(0, 3, 0, on), /^arange: the step is 0/],
    ['arange to NaN', () => arange(0, NaN, 1, on), /^arange: .*NaN/],
    ['arange without end', () => arange(0, Infinity, 1, on), /^arange: .*Infinity/],
    ['arange of fractions as integers', () => arange(0, 1, 0.5, { ...on, dtype: 'i32' }), /^arange: 0\.5 is not an integer and the dtype is i32/],
    ['linspace of no count', () => linspace(0, 1, 1.5, on), /^linspace: .*1\.5/],
    ['linspace of integers', () => linspace(0, 1, 3, { ...on, dtype: 'i32' }), /^linspace: needs floating point, not i32/],
    ['eye of no size', () => eye(-1, 2, on), /^eye: sizes must be non-negative integers \(shape \[-1, 2\]\)/],
  ] // biome-ignore format: one case a line
  for (const [name, run, message] of cases) test(name, () => expect(run).toThrow(message))
  test('item of many', async () => {
    await expect(zeros([2], on).item()).rejects.toThrow(
      /^item: needs exactly one element, the tensor has 2 \(shape \[2\]\)/,
    )
  })
  test('a tensor shows what it is, not its values', () => {
    expect(String(zeros([2, 3], on))).toBe('Tensor([2, 3], f32, reference, lazy)')
    expect(String(zeros([2], { ...on, requiresGrad: true }))).toBe('Tensor([2], f32, reference, requiresGrad)')
  })
})
