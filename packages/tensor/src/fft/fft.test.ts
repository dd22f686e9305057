// Against the definition of the transform in double precision, at lengths of every kind: direct, composite, prime, large prime; round trips; derivatives.

import { describe, expect, test } from 'vitest'
import { type DType, setDefaultDevice, type Tensor, tensor } from '../index.ts'
import { checkOp } from '../testing/check-op.ts'
import { onEachDevice } from '../testing/devices.ts'
import { draw, testSeed } from '../testing/random.ts'
import * as f from './index.ts'

/** Pairs of n complex values. */
const randoms = (n: number): number[] =>
  draw(`fft ${n}`)
    .many(2 * n, -1, 1)
    .map(Math.fround)

function naive(x: readonly number[], sign: number): number[] {
  const n = x.length / 2
  const out = new Array<number>(2 * n).fill(0)
  for (let k = 0; k < n; k++)
    for (let j = 0; j < n; j++) {
      const angle = (sign * 2 * Math.PI * ((j * k) % n)) / n
      const [c, s] = [Math.cos(angle), Math.sin(angle)]
      out[2 * k] += x[2 * j] * c - x[2 * j + 1] * s
      out[2 * k + 1] += x[2 * j] * s + x[2 * j + 1] * c
    }
  return out
}
const largest = (values: readonly number[]): number => values.reduce((m, v) => Math.max(m, Math.abs(v)), 0)
const apart = async (x: Tensor, expected: readonly number[]): Promise<number> => {
  const values = await x.numbers()
  expect(values.length).toBe(expected.length)
  return largest(values.map((v, i) => v - expected[i])) / Math.max(1, largest(expected))
}

describe('against the definition', () => {
  onEachDevice('any length', async device => {
    const lengths = device === 'webgpu' ? [1, 2, 5, 96] : [1, 2, 3, 4, 5, 7, 16, 60, 64, 65, 96, 97, 127, 131, 134, 210, 256, 263, 1000, ...(device === 'wasm' ? [1024, 1009, 2310] : [])] // biome-ignore format: one list
    for (const dtype of (device === 'webgpu' ? ['f32'] : ['f32', 'f64']) as DType[])
      for (const n of lengths) {
        const values = randoms(n)
        const x = tensor(Float64Array.from(values), [n, 2], { dtype })
        const what = `${n} ${dtype}, seed ${testSeed}`
        const limit = dtype === 'f64' ? 1e-12 : 4e-6
        expect(await apart(f.fft(x), naive(values, -1)), `fft ${what}`).toBeLessThan(limit)
        expect(await apart(f.ifft(x, { norm: 'forward' }), naive(values, 1)), `ifft ${what}`).toBeLessThan(limit)
        expect(await apart(f.ifft(f.fft(x)), values), `and back ${what}`).toBeLessThan(limit)
        const re = f.real(x)
        const half = naive(
          values.map((v, i) => (i % 2 ? 0 : v)),
          -1,
        ).slice(0, 2 * (Math.floor(n / 2) + 1))
        expect(await apart(f.rfft(re), half), `rfft ${what}`).toBeLessThan(limit)
        expect(await apart(f.irfft(f.rfft(re), { n }), await re.numbers()), `irfft ${what}`).toBeLessThan(limit)
        expect(await apart(f.hfft(f.ihfft(re), { n }), await re.numbers()), `hfft ${what}`).toBeLessThan(limit)
      }
  })
  onEachDevice('norms, lengths, axes', async () => {
    const x = tensor(Float64Array.from(randoms(12)), [3, 4, 2], { dtype: 'f32' })
    const energy = async (t: Tensor) => t.square().sum().item()
    expect(await energy(f.fftn(x, { norm: 'ortho' }))).toBeCloseTo(await energy(x), 4)
    expect(await apart(f.ifft2(f.fft2(x)), await x.numbers())).toBeLessThan(1e-6)
    expect(await apart(f.fft(x, { axis: 0 }), await f.fft(x.transpose(0, 1)).transpose(0, 1).numbers())).toBeLessThan(
      1e-6,
    )
    expect(f.fft(x, { n: 7 }).shape).toEqual([3, 7, 2])
    expect(await apart(f.fft(x, { n: 2 }), await f.fft(x.narrow(1, 0, 2)).numbers())).toBeLessThan(1e-6)
    const r = f.real(x)
    expect(await apart(f.irfftn(f.rfftn(r), { shape: [3, 4] }), await r.numbers())).toBeLessThan(1e-6)
    expect(await apart(f.rfft2(r), await f.fft2(f.complex(r)).narrow(1, 0, 3).numbers())).toBeLessThan(1e-6)
  })
})

describe('frequencies and shifts, as numpy gives them', () => {
  onEachDevice('values', async () => {
    expect(await f.fftfreq(5).toArray()).toEqual([0, 0.2, 0.4, -0.4, -0.2].map(Math.fround))
    expect(await f.fftfreq(4, 0.5).toArray()).toEqual([0, 0.5, -1, -0.5])
    expect(await f.rfftfreq(5).toArray()).toEqual([0, 0.2, 0.4].map(Math.fround))
    expect(await f.fftshift(tensor([0, 1, 2, 3, 4])).toArray()).toEqual([3, 4, 0, 1, 2])
    expect(await f.ifftshift(f.fftshift(tensor([0, 1, 2, 3, 4]))).toArray()).toEqual([0, 1, 2, 3, 4])
  })
})

describe('stft', () => {
  onEachDevice('a frame is the transform of its window, and istft gives the signal back', async () => {
    const values = Float64Array.from(randoms(60))
    const x = tensor(values, [2, 60], { dtype: 'f32' })
    const window = f.hannWindow(16)
    for (const center of [true, false]) {
      const s = f.stft(x, { nFft: 16, hopLength: 4, window, center })
      expect(s.shape).toEqual([2, 9, center ? 16 : 12, 2])
      const frame = (center ? x.padLast([8, 8], 'reflect') : x).narrow(-1, 8, 16).mul(window)
      expect(await apart(s.select(2, 2), await f.rfft(frame).numbers())).toBeLessThan(1e-6)
    }
    for (const o of [
      { window },
      { window, onesided: false, normalized: true },
      { window: f.hammingWindow(12), winLength: 12 },
      {},
    ]) {
      const options = { nFft: 16, hopLength: 4, ...o }
      const back = f.istft(f.stft(x, options), { ...options, length: 60 })
      expect(await apart(back, [...values]), JSON.stringify(Object.keys(o))).toBeLessThan(1e-5)
    }
  })
})

describe('derivatives', () => {
  checkOp('fft', x => f.fft(x), { shapes: [[5, 2], [2, 3, 2]] }) // biome-ignore format: one line
  checkOp('rfft', x => f.rfft(x), { shapes: [[6], [2, 5]] }) // biome-ignore format: one line
  checkOp('irfft', x => f.irfft(x, { n: 5 }), { shapes: [[3, 2]], webgpu: 'none' })
  checkOp('fft by factors and by chirp', x => f.fft(x, { n: 131 }).narrow(0, 3, 4).add(f.fft(x, { n: 70 }).narrow(0, 3, 4)), { shapes: [[4, 2]], webgpu: 'none', second: false }) // biome-ignore format: one line
  checkOp('stft and istft', x => f.istft(f.stft(x, { nFft: 4, hopLength: 2 }).square(), { nFft: 4, hopLength: 2 }), { shapes: [[10]], webgpu: 'none' }) // biome-ignore format: one line
  checkOp('complexMul', (a, b) => f.complexMul(a, b), { shapes: [[[3, 2], [3, 2]]], webgpu: 'none' }) // biome-ignore format: one line
})

describe('what does not fit is named', () => {
  test('by op and remedy', async () => {
    await setDefaultDevice('reference')
    expect(() => f.fft(tensor([1, 2, 3]))).toThrow('complex(x)')
    expect(() => f.rfft(tensor([[1]]).narrow(1, 0, 0))).toThrow('the length must be an integer of at least 1, not 0')
    expect(() => f.stft(tensor([1, 2]), { nFft: 16, center: false })).toThrow('shorter than one transform')
    expect(() => f.istft(tensor([[[1, 2]]]), { nFft: 16 })).toThrow('has 9 frequencies, not 1')
  })
})
