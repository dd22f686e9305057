// The reader of model files, on bytes written here.
import { describe, expect, test } from 'vitest'
import { readModel, readTensor } from './proto.ts'
import { WireError } from './wire.ts'

const varint = (n: bigint): number[] => (n < 128n ? [Number(n)] : [Number(n & 127n) | 128, ...varint(n >> 7n)])
const key = (field: number, type: number): number[] => varint(BigInt((field << 3) | type))
const number = (field: number, n: number): number[] => [...key(field, 0), ...varint(BigInt.asUintN(64, BigInt(n)))]
const block = (field: number, bytes: readonly number[]): number[] => [...key(field, 2), ...varint(BigInt(bytes.length)), ...bytes] // biome-ignore format: one list
const text = (field: number, s: string): number[] => block(field, [...new TextEncoder().encode(s)])
const float = (x: number): number[] => [...new Uint8Array(new Float32Array([x]).buffer)]

describe('tensors', () => {
  test('numbers are read packed and one by one, negative ones too', () => {
    const packed = readTensor(
      Uint8Array.from([
        ...block(1, [2, 3]),
        ...number(2, 7),
        ...block(7, [...varint(5n), ...varint(BigInt.asUintN(64, -2n))]),
      ]),
    )
    expect(packed).toMatchObject({ dims: [2, 3], type: 7, int64s: [5n, -2n] })
    const apart = readTensor(Uint8Array.from([...number(1, 2), ...number(1, 3), ...number(7, 5), ...number(7, -2)]))
    expect(apart).toMatchObject({ dims: [2, 3], int64s: [5n, -2n] })
  })
  test('floats', () => {
    const t = readTensor(Uint8Array.from([...block(4, [...float(0.5), ...float(-2)]), ...key(4, 5), ...float(3)]))
    expect(t.floats).toEqual([0.5, -2, 3])
  })
  test('unknown fields are passed over', () => {
    const unknown = [
      ...number(100, 1),
      ...text(101, 'x'),
      ...key(102, 5),
      0,
      0,
      0,
      0,
      ...key(103, 1),
      ...Array(8).fill(0),
    ]
    expect(readTensor(Uint8Array.from([...unknown, ...number(2, 1)])).type).toBe(1)
  })
})

test('a model: its nodes, attributes and the kinds of its values', () => {
  const attribute = [...text(1, 'axis'), ...number(3, -1)]
  const node = [...text(1, 'x'), ...text(1, ''), ...text(2, 'y'), ...text(4, 'Softmax'), ...block(5, attribute)]
  const value = (name: string, kind: number, element: number): number[] => [...text(1, name), ...block(2, block(kind, number(1, element)))] // biome-ignore format: one list
  const graph = [...block(1, node), ...block(11, value('x', 1, 16)), ...block(12, value('y', 4, 1))]
  const model = readModel(Uint8Array.from([...block(7, graph), ...block(8, number(2, 17))]))
  expect(model.opsets).toEqual([{ version: 17 }])
  expect(model.graph.nodes).toEqual([
    { inputs: ['x', ''], outputs: ['y'], name: '', op: 'Softmax', domain: '', attributes: [{ name: 'axis', i: -1 }] },
  ])
  expect(model.graph.inputs).toEqual([{ name: 'x', kind: 'tensor', element: 16 }])
  expect(model.graph.outputs).toEqual([{ name: 'y', kind: 'sequence', element: 0 }])
})

describe('files that lie', () => {
  test.each([
    ['a length beyond the end', [...key(9, 2), ...varint(1n << 40n), 1, 2]],
    ['a number without an end', [...key(2, 0), ...Array(11).fill(255)]],
    ['an end inside of a number', [...key(2, 0), 255]],
    ['a wire type that does not exist', key(2, 7)],
  ])('%s', (_, bytes) => {
    expect(() => readTensor(Uint8Array.from(bytes))).toThrow(WireError)
  })
  test('a file without a graph', () => {
    expect(() => readModel(new Uint8Array(0))).toThrow('no graph')
  })
})
