// Transforms that fft.test.ts holds to outside values without checkOp, so that docs/ops.md can say what each does on each device.

import { describe } from 'vitest'
import { checkOp } from '../testing/check-op.ts'
import * as f from './index.ts'

const spectrum = { shapes: [[4, 2]] } as const
const signal = { shapes: [[6]] } as const
const plane = { shapes: [[3, 4, 2]] } as const

describe('along one axis', () => {
  checkOp('ifft', x => f.ifft(x), spectrum)
  checkOp('irfft', x => f.irfft(x), spectrum)
  checkOp('hfft', x => f.hfft(x), spectrum)
  checkOp('ihfft', x => f.ihfft(x), signal)
  checkOp('fftshift', x => f.fftshift(x), signal)
  checkOp('ifftshift', x => f.ifftshift(x), signal)
  checkOp('stft', x => f.stft(x, { nFft: 4, hopLength: 2 }), { shapes: [[8]] })
  checkOp('istft', x => f.istft(x, { nFft: 4, hopLength: 2 }), { shapes: [[3, 4, 2]] })
})

describe('along several axes', () => {
  checkOp('fft2', x => f.fft2(x), plane)
  checkOp('ifft2', x => f.ifft2(x), plane)
  checkOp('rfft2', x => f.rfft2(x), { shapes: [[3, 4]] })
  checkOp('irfft2', x => f.irfft2(x), plane)
  checkOp('fftn', x => f.fftn(x), plane)
  checkOp('ifftn', x => f.ifftn(x), plane)
  checkOp('rfftn', x => f.rfftn(x), { shapes: [[3, 4]] })
  checkOp('irfftn', x => f.irfftn(x), plane)
})

describe('complex values', () => {
  checkOp('complex', x => f.complex(x), { shapes: [[3]] })
  checkOp('real', x => f.real(x), spectrum)
  checkOp('imag', x => f.imag(x), spectrum)
  checkOp('conj', x => f.conj(x), spectrum)
  checkOp('complexMul', (a, b) => f.complexMul(a, b), { shapes: [[[3, 2], [3, 2]]] }) // biome-ignore format: a pair
  checkOp('complexAbs', x => f.complexAbs(x), spectrum)
  checkOp('angle', x => f.angle(x), { ...spectrum, range: [0.2, 1] })
})
