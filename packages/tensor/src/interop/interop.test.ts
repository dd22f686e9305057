// Files that NumPy reads and writes, hostile ones among them; printing by torch's rules; images; packed bits.

import { inspect } from 'node:util'
import { deflateRawSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { type DType, FormatError, ones, tensor, zeros } from '../index.ts'
import { onEachDevice } from '../testing/devices.ts'
import { draw, testSeed } from '../testing/random.ts'
import {
  formatTensor,
  fromImageData,
  installDevtoolsFormatter,
  loadNpy,
  loadNpz,
  packBits,
  saveNpy,
  saveNpz,
  toImageData,
  unpackBits,
} from './index.ts'

const on = { device: 'reference' } as const

/** A .npy file with this header. */
function npy(header: string, body: ArrayLike<number> = [], version = 1): Uint8Array {
  const text = [...header].map(c => c.charCodeAt(0))
  const size = version === 1 ? [text.length & 255, text.length >> 8] : [text.length & 255, text.length >> 8, 0, 0]
  return Uint8Array.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, version, 0, ...size, ...text, ...Array.from(body)])
}
const head = (descr: string, shape: string, fortran = 'False') =>
  `{'descr': '${descr}', 'fortran_order': ${fortran}, 'shape': ${shape}, }\n`

describe('npy', () => {
  test('every dtype and shape comes back bit for bit', async () => {
    for (const dtype of ['f32', 'f64', 'f16', 'i64', 'i32', 'u32', 'i8', 'u8', 'bool'] as DType[])
      for (const shape of [[], [3], [2, 3], [0, 4], [2, 1, 2]]) {
        const n = shape.reduce((a, b) => a * b, 1)
        const x = tensor(
          Float64Array.from({ length: n }, (_, i) => (dtype === 'bool' ? i % 2 : i)),
          shape,
          { dtype, ...on },
        )
        const back = loadNpy(await saveNpy(x), on)
        expect([back.dtype, back.shape, await back.data()]).toEqual([dtype, shape, await x.data()])
      }
  })
  test('header bytes are those of NumPy', async () => {
    const bytes = await saveNpy(tensor([1, 2], on))
    expect(bytes.length).toBe(128 + 8)
    expect(new TextDecoder('latin1').decode(bytes.subarray(10, 128))).toBe(
      `${"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }".padEnd(117)}\n`,
    )
  })
  test('other orders, types and versions', async () => {
    const swapped = loadNpy(npy(head('>i2', '(2,)'), [1, 0, 255, 254]), on)
    expect([swapped.dtype, await swapped.toArray()]).toEqual(['i32', [256, -2]])
    const columns = loadNpy(npy(head('|u1', '(2, 3)', 'True'), [1, 2, 3, 4, 5, 6], 2), on)
    expect(await columns.toArray()).toEqual([[1, 3, 5], [2, 4, 6]]) // biome-ignore format: rows
    const pairs = loadNpy(npy(head('<c8', '(1,)'), new Uint8Array(Float32Array.of(1, -2).buffer), 3), on)
    expect(await pairs.toArray()).toEqual([[1, -2]])
  })
  test('hostile headers are refused by name', () => {
    const cases: [Uint8Array, string][] = [
      [new Uint8Array(5), 'does not begin'],
      [npy(head('<f4', '(2,)'), [0, 0, 0, 0]), 'its shape needs more'],
      [npy(head('<f4', '(1,)'), [0, 0, 0, 0, 0]), 'its shape needs 4'],
      [npy(head('<f8', '(9007199254740991, 9007199254740991)')), 'its shape needs more'],
      [npy(head('<f4', '(99999999999999999999,)')), 'beyond 2^53'],
      [npy(head('|O', '(1,)'), [0]), "'|O' have no dtype"],
      [npy(head('<constructor', '(1,)'), [0]), 'have no dtype'],
      [npy(head('<f4', '(-1,)')), "no proper 'shape'"],
      [npy(`{'descr': '<f4', 'descr': '<f8', 'fortran_order': False, 'shape': (), }`), "no proper 'descr'"],
      [npy('[]'), 'not a dict'],
      [npy(head('|b1', '(1,)'), [2]), 'neither 0 nor 1'],
      [npy(head('<f4', '(0,)')).fill(255, 8, 10), 'the header claims 65535 bytes'],
      [npy(head('<f4', '(0,)'), [], 9), 'version 9'],
    ]
    for (const [bytes, problem] of cases) {
      expect(() => loadNpy(bytes, on)).toThrow(FormatError)
      expect(() => loadNpy(bytes, on)).toThrow(problem)
    }
  })
  test('any broken file is a FormatError', async () => {
    const good = await saveNpy(tensor([[1, 2], [3, 4]], on)) // biome-ignore format: rows
    const from = draw('npy')
    for (let i = 0; i < 500; i++) {
      const bytes = good.slice(0, from.integer(0, 20) ? good.length : from.integer(0, good.length))
      for (let n = from.integer(1, 4); n > 0; n--) bytes[from.integer(0, bytes.length)] = from.integer(0, 256)
      try {
        loadNpy(bytes, on)
      } catch (error) {
        expect(error, `seed ${testSeed}`).toBeInstanceOf(FormatError)
      }
    }
  })
})

describe('npz', () => {
  test('stored and deflated archives come back', async () => {
    const given = { a: ones([20, 30], on), 'b/ä': tensor([1, 2, 3], { dtype: 'i32', ...on }) }
    for (const compress of [false, true]) {
      const bytes = await saveNpz(given, { compress })
      const back = await loadNpz(bytes, on)
      expect([...back.keys()]).toEqual(['a', 'b/ä'])
      expect(await back.get('b/ä')!.toArray()).toEqual([1, 2, 3])
      expect(await back.get('a')!.sum().item()).toBe(600)
      if (compress) expect(bytes.length).toBeLessThan(800)
    }
  })
  test('entries that lie are refused', async () => {
    const bytes = await saveNpz({ a: zeros([100], on) }, { compress: true })
    const view = new DataView(bytes.buffer)
    const directory = view.getUint32(bytes.length - 6, true)
    const broken = (at: number, value: number): Uint8Array => {
      const copy = bytes.slice()
      new DataView(copy.buffer).setUint32(at, value, true)
      return copy
    }
    await expect(loadNpz(broken(directory + 16, 1), on)).rejects.toThrow('another checksum')
    await expect(loadNpz(broken(directory + 24, 300), on)).rejects.toThrow('longer than the 300 bytes')
    await expect(loadNpz(broken(directory + 24, 2 ** 31), on)).rejects.toThrow('more than')
    await expect(loadNpz(broken(directory + 20, 2 ** 20), on)).rejects.toThrow('the archive ends before')
    await expect(loadNpz(broken(directory, 0), on)).rejects.toThrow('directory')
    await expect(loadNpz(bytes.slice(0, 40), on)).rejects.toThrow('no ZIP archive')
    expect(deflateRawSync(new Uint8Array(10)).length).toBeLessThan(10)
  })
})

describe('printing, as torch 2 prints', () => {
  const cases: [string, () => ReturnType<typeof tensor>][] = [
    ['tensor([1., 2., 3.])', () => tensor([1, 2, 3], on)],
    ['tensor([ 0.5000, -1.2500])', () => tensor([0.5, -1.25], on)],
    ['tensor(3.1416)', () => tensor(Math.PI, on)],
    ['tensor([1.0000e-05, 1.0000e+00])', () => tensor([1e-5, 1], on)],
    ['tensor([nan, inf, 1.])', () => tensor([NaN, Infinity, 1], on)],
    ['tensor([ True, False])', () => tensor([true, false], on)],
    ['tensor([0.0312])', () => tensor([0.03125], on)],
    ['tensor([0.])', () => tensor([0], on)],
    ['tensor([1., 1.], dtype=torch.float64)', () => ones([2], { dtype: 'f64', ...on })],
    ['tensor([[ 1, -2],\n        [30,  4]], dtype=torch.int32)', () => tensor([[1, -2], [30, 4]], { dtype: 'i32', ...on })], // biome-ignore format: one line
    ['tensor([], size=(2, 0))', () => zeros([2, 0], on)],
    ['tensor([])', () => zeros([0], on)],
    ['tensor([[[0., 0.],\n         [0., 0.]],\n\n        [[0., 0.],\n         [0., 0.]]])', () => zeros([2, 2, 2], on)],
    [
      'tensor([   0.,    1.,    2.,  ...,  998.,  999., 1000.])',
      () =>
        tensor(
          Array.from({ length: 1001 }, (_, i) => i),
          on,
        ),
    ],
    ['tensor([1.], requires_grad=True)', () => tensor([1], { requiresGrad: true, ...on })],
    ['tensor([100000., 100001.])', () => tensor([100000, 100001], on)],
    ['tensor([1.0000e+09])', () => tensor([1e9], on)],
  ]
  for (const [text, make] of cases)
    test(JSON.stringify(text), async () => expect(await formatTensor(make())).toBe(text))
  test('long rows wrap, large tensors show their corners', async () => {
    const row = await formatTensor(
      tensor(
        Array.from({ length: 20 }, (_, i) => i + 0.5),
        on,
      ),
    )
    expect(row.split('\n').map(l => l.length)).toEqual([79, 79, 44])
    const corners = await formatTensor(zeros([100, 100], on))
    expect(corners.split('\n')[0]).toBe('tensor([[0., 0., 0.,  ..., 0., 0., 0.],')
    expect(corners.split('\n')[3]).toBe('        ...,')
    expect(await formatTensor(tensor([1234.5], on), { precision: 2, sciMode: true })).toBe('tensor([1.23e+03])')
  })
  test('a tensor itself says what it is without waiting', async () => {
    const x = zeros([2], on).add(1)
    expect(inspect(x)).toBe('Tensor([2], f32, reference, lazy)')
    expect(inspect(tensor([1], on))).toBe('Tensor([1], f32, reference)')
  })
  test('the formatter of a browser: a header at once, values when opened again', async () => {
    const remove = installDevtoolsFormatter()
    const [formatter] = (
      globalThis as unknown as { devtoolsFormatters: { header(x: unknown): unknown; body(x: unknown): unknown[] }[] }
    ).devtoolsFormatters
    const x = tensor([1, 2], on)
    expect(formatter.header({})).toBe(null)
    expect(formatter.header(x)).toEqual(['span', {}, 'Tensor([2], f32, reference)'])
    expect(formatter.body(x)[2]).toContain('reading')
    await x.data()
    await new Promise(resolve => setTimeout(resolve))
    expect(formatter.body(x)[2]).toBe('tensor([1., 2.])')
    remove()
  })
})

onEachDevice('images go and come back', async () => {
  const data = Uint8ClampedArray.from({ length: 2 * 3 * 4 }, (_, i) => (i % 4 === 3 ? 255 : (i * 10) % 256))
  const x = fromImageData({ data, width: 3, height: 2 })
  expect([x.shape, x.dtype]).toEqual([[3, 2, 3], 'f32'])
  expect(await x.select(0, 1).select(0, 0).select(0, 2).item()).toBeCloseTo(90 / 255, 6)
  expect(await toImageData(x)).toEqual({ data, width: 3, height: 2 })
  expect((await toImageData(tensor([[2, -1]]))).data).toEqual(Uint8ClampedArray.of(255, 255, 255, 255, 0, 0, 0, 255))
})

onEachDevice('packed bits: every value at every place', async () => {
  for (const bits of [1, 2, 4] as const) {
    const count = 8 / bits
    const values = Array.from({ length: 2 * 16 * count }, (_, i) => (i * 7 + (i >> 3)) % 2 ** bits)
    const x = tensor(Float64Array.from(values), [2, 16 * count], { dtype: 'u8' })
    const packed = packBits(x, bits)
    expect([packed.dtype, packed.shape]).toEqual(['u8', [2, 16]])
    expect(await packed.select(0, 0).select(0, 0).item()).toBe(
      values.slice(0, count).reduce((sum, v, i) => sum + v * 2 ** (i * bits), 0),
    )
    expect(await unpackBits(packed, bits).numbers()).toEqual(values)
    const signed = values.map(v => (v >= 2 ** (bits - 1) ? v - 2 ** bits : v))
    expect(await unpackBits(packed, bits, { signed: true }).numbers()).toEqual(signed)
  }
  expect(() => packBits(tensor([1, 2, 3], { dtype: 'u8' }), 4)).toThrow('pad to a multiple of 2')
  expect(() => packBits(tensor([1, 2]), 4)).toThrow(".to('u8')")
})
