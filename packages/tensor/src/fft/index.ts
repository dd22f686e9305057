// The public surface of @cairn/tensor/fft, and nothing else.

export { angle, complex, complexAbs, complexMul, conj, imag, real } from './complex.ts'
export {
  type FftNorm,
  type FftnOptions,
  type FftOptions,
  fft,
  fft2,
  fftfreq,
  fftn,
  fftshift,
  hfft,
  ifft,
  ifft2,
  ifftn,
  ifftshift,
  ihfft,
  irfft,
  irfft2,
  irfftn,
  rfft,
  rfft2,
  rfftfreq,
  rfftn,
} from './fft.ts'
export {
  blackmanWindow,
  hammingWindow,
  hannWindow,
  type IstftOptions,
  istft,
  type StftOptions,
  stft,
  type WindowOptions,
} from './stft.ts'
