// The public surface of @cairn/tensor/interop, and nothing else.

export {
  type LoadSafetensorsOptions,
  loadSafetensors,
  loadSafetensorsFile,
  readSafetensorsHeader,
  type SafetensorsEntry,
  type SafetensorsHeader,
  saveSafetensors,
  saveSafetensorsFile,
} from '../io/safetensors.ts'
export { installDevtoolsFormatter } from './devtools.ts'
export { fromImageData, type Pixels, toImageData } from './images.ts'
export {
  loadNpy,
  loadNpyFile,
  loadNpz,
  loadNpzFile,
  type NpyOptions,
  saveNpy,
  saveNpyFile,
  saveNpz,
  saveNpzFile,
} from './npy.ts'
export { Packed, type PackedBits, packBits, unpackBits } from './packed.ts'
export { formatTensor, formatValues, type PrintOptions } from './print.ts'
