import { expect, test } from 'vitest'
import { RagFormatError } from './errors.ts'
import { readSegment, type Segment, writeSegment } from './segment.ts'

const segment: Segment = {
  kind: 'sample',
  version: 3,
  meta: { name: 'Grüße', list: [1, null] },
  arrays: {
    bytes: Uint8Array.of(1, 2, 3),
    words: Uint16Array.of(1, 65535),
    ids: Uint32Array.of(0, 4294967295, 7),
    weights: Float32Array.of(0.5, -1, Number.POSITIVE_INFINITY),
    doubles: Float64Array.of(Math.PI),
    none: new Int32Array(0),
  },
}

test('reads what was written, wherever the bytes begin', () => {
  const bytes = writeSegment(segment)
  expect(readSegment(bytes, 'sample', 3)).toEqual(segment)
  const shifted = new Uint8Array(bytes.length + 3)
  shifted.set(bytes, 3)
  expect(readSegment(shifted.subarray(3), 'sample', 3)).toEqual(segment)
})

test('every changed byte and every cut is found', () => {
  const bytes = writeSegment(segment)
  for (let i = 0; i < bytes.length; i++) {
    for (const bit of [1, 128]) {
      const changed = bytes.slice()
      changed[i]! ^= bit
      expect(() => readSegment(changed, 'sample', 3), `byte ${i}`).toThrow(RagFormatError)
    }
    expect(() => readSegment(bytes.subarray(0, i), 'sample', 3), `cut at ${i}`).toThrow(RagFormatError)
  }
  expect(() => readSegment(new Uint8Array([...bytes, 0, 0, 0, 0, 0, 0, 0, 0]), 'sample', 3)).toThrow(/8 bytes too many/)
})

test('says what is wrong', () => {
  const bytes = writeSegment(segment)
  expect(() => readSegment(bytes, 'other', 3)).toThrow('other segment: header: this is a sample segment')
  expect(() => readSegment(bytes, 'sample', 4)).toThrow(/version 3, and this program reads 4/)
  const changed = bytes.slice()
  changed[changed.length - 4]! ^= 1
  expect(() => readSegment(changed, 'sample', 3)).toThrow(/section '\w+' at byte \d+: its checksum is wrong/)
})
