// Gradcheck of Fourier transforms at first and second order in f64, over random lengths and batches. CAIRN_TEST_SEED varies them.

import { batched, checkGradientTable, type GradientRow } from '../testing/gradient-table.ts'
import type { Draw } from '../testing/random.ts'
import * as f from './index.ts'

const signals = (from: Draw) => [batched(from, from.integer(2, 7))]
const spectra = (from: Draw) => [batched(from, from.integer(2, 7), 2)]
const images = (from: Draw) => [batched(from, from.integer(2, 5), from.integer(2, 5))]
const planes = (from: Draw) => [batched(from, from.integer(2, 5), from.integer(2, 5), 2)]
const pairs = (from: Draw) => {
  const [shape] = spectra(from)
  return [shape, from.uniform() < 0.5 ? shape : shape.slice(-2)]
}
const rows = (shapes: GradientRow['shapes'], ops: Readonly<Record<string, GradientRow['op']>>) =>
  Object.fromEntries(Object.entries(ops).map(([name, op]) => [name, { op, shapes } satisfies GradientRow]))

checkGradientTable(
  {
    ...rows(spectra, {
      fft: x => f.fft(x),
      ifft: x => f.ifft(x, { norm: 'ortho' }),
      irfft: x => f.irfft(x, { n: 5 }),
      hfft: x => f.hfft(x),
      real: f.real,
      imag: f.imag,
      conj: f.conj,
      complexAbs: f.complexAbs,
      angle: x => f.angle(x.square().add(0.1)),
    }),
    ...rows(signals, {
      rfft: x => f.rfft(x),
      ihfft: x => f.ihfft(x),
      fftshift: x => f.fftshift(x),
      ifftshift: x => f.ifftshift(x),
      complex: x => f.complex(x, x.sin()),
      stft: x => f.stft(x.flatten().padLast([4, 4]), { nFft: 4, hopLength: 2, window: f.hannWindow(4, { dtype: 'f64' }).to(x.dtype) }), // biome-ignore format: one row
      istft: x => f.istft(f.stft(x.flatten().padLast([4, 4]), { nFft: 4, hopLength: 2 }).sin(), { nFft: 4, hopLength: 2 }), // biome-ignore format: one row
    }),
    ...rows(planes, {
      fft2: x => f.fft2(x),
      ifft2: x => f.ifft2(x),
      fftn: x => f.fftn(x),
      ifftn: x => f.ifftn(x),
      irfft2: x => f.irfft2(x),
      irfftn: x => f.irfftn(x),
    }),
    ...rows(images, { rfft2: x => f.rfft2(x), rfftn: x => f.rfftn(x) }),
    ...rows(pairs, { complexMul: f.complexMul }),
  },
  f,
  ['fftfreq', 'rfftfreq', 'hannWindow', 'hammingWindow', 'blackmanWindow'],
)
