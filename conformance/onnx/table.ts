// The table of ops: ONNX's name to a function of tensors, by family; and what is declared as not supported, with the reason.
import type { Op } from './call.ts'
import { elementwise } from './ops/elementwise.ts'
import { images } from './ops/images.ts'
import { indexing } from './ops/indexing.ts'
import { layers } from './ops/layers.ts'
import { movement } from './ops/movement.ts'
import { quantized } from './ops/quantized.ts'
import { random } from './ops/random.ts'
import { recurrent } from './ops/recurrent.ts'
import { reduce } from './ops/reduce.ts'
import { signals } from './ops/signals.ts'
import { text } from './ops/text.ts'
import { training } from './ops/training.ts'
import { windows } from './ops/windows.ts'

export const families: Readonly<Record<string, Readonly<Record<string, Op>>>> = {
  elementwise,
  reduce,
  movement,
  indexing,
  layers,
  windows,
  images,
  recurrent,
  signals,
  quantized,
  random,
  training,
  text,
}

const all = new Map(Object.values(families).flatMap(family => Object.entries(family)))
export const opOf = (name: string): Op | undefined => all.get(name)

const control = 'control flow: its body is a graph of its own'
const sequence = 'sequences: a value is a list of tensors'
const optional = 'optional values'
const strings = 'strings'

/** ONNX ops (opset 17) that are not here, and why. */
export const unsupported: Readonly<Record<string, string>> = {
  ConcatFromSequence: sequence,
  If: control,
  Loop: control,
  MaxRoiPool: 'superseded by RoiAlign',
  Multinomial: 'draws that no case can compare',
  NonMaxSuppression: 'its result has a size that only its values know, box by box',
  Optional: optional,
  OptionalGetElement: optional,
  OptionalHasElement: optional,
  Scan: control,
  SequenceAt: sequence,
  SequenceConstruct: sequence,
  SequenceEmpty: sequence,
  SequenceErase: sequence,
  SequenceInsert: sequence,
  SequenceLength: sequence,
  SequenceMap: sequence,
  SplitToSequence: sequence,
  StringNormalizer: strings,
}
