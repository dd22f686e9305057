// Filling encodings up to a common length.
import type { Encoding, Side } from './encoding.ts'
import { asCount, asId, asObject, asString, type JsonObject, oneOf, optional, wrong } from './json.ts'

export type Padding = {
  /** A fixed length, or `longest`: that of the longest encoding of the batch. */
  length?: number | 'longest'
  /** The length is rounded up to a multiple of this. */
  multipleOf?: number | null
  direction?: Side
  padId?: number
  padTypeId?: number
  padToken?: string
}

export const paddingDefaults: Required<Padding> = {
  length: 'longest',
  multipleOf: null,
  direction: 'right',
  padId: 0,
  padTypeId: 0,
  padToken: '[PAD]',
}

export function pad(encodings: Encoding[], padding: Padding): Encoding[] {
  const { length, multipleOf, direction, padId, padTypeId, padToken } = { ...paddingDefaults, ...padding }
  let target = length === 'longest' ? encodings.reduce((max, encoding) => Math.max(max, encoding.length), 0) : length
  if (multipleOf && target % multipleOf > 0) target += multipleOf - (target % multipleOf)
  return encodings.map(encoding =>
    encoding.pad(target, { id: padId, typeId: padTypeId, token: padToken, side: direction }),
  )
}

export function readPadding(json: unknown, where: string): Required<Padding> {
  const value = asObject(json, where)
  const side = oneOf(['Left', 'Right'])(value.direction, `${where}.direction`)
  return {
    length: readLength(value.strategy, `${where}.strategy`),
    multipleOf: optional(value.pad_to_multiple_of, `${where}.pad_to_multiple_of`, asCount, null),
    direction: side === 'Left' ? 'left' : 'right',
    padId: asId(value.pad_id, `${where}.pad_id`),
    padTypeId: asId(value.pad_type_id, `${where}.pad_type_id`),
    padToken: asString(value.pad_token, `${where}.pad_token`),
  }
}

function readLength(json: unknown, where: string): number | 'longest' {
  if (json === 'BatchLongest') return 'longest'
  const { Fixed } = asObject(json, where)
  if (Fixed === undefined) wrong(where, '"BatchLongest" or {"Fixed": n}', json)
  return asCount(Fixed, `${where}.Fixed`)
}

export function writePadding(padding: Required<Padding>): JsonObject {
  return {
    strategy: padding.length === 'longest' ? 'BatchLongest' : { Fixed: padding.length },
    direction: padding.direction === 'left' ? 'Left' : 'Right',
    pad_to_multiple_of: padding.multipleOf,
    pad_id: padding.padId,
    pad_type_id: padding.padTypeId,
    pad_token: padding.padToken,
  }
}
