// What each primitive gives, in plain loops over plain numbers: what the device 'reference' computes, and loaded with it.

import { DeviceError } from '../../errors.ts'
import { threefry } from '../../kernel/threefry.ts'
import { sizeOf } from '../../shape.ts'
import type { TableName } from '../table.ts'
import type { Evaluate, Value } from '../types.ts'
import { elementwise } from './elementwise.ts'
import { indexing } from './indexing.ts'
import { movement } from './movement.ts'
import { reduce } from './reduce.ts'

const matmul: Evaluate = ([a, b], out) => {
  const rank = a.shape.length
  const m = a.shape[rank - 2]
  const k = a.shape[rank - 1]
  const n = b.shape[rank - 1]
  const batches = m * n === 0 ? 0 : out.data.length / (m * n)
  for (let batch = 0; batch < batches; batch++)
    for (let i = 0; i < m; i++)
      for (let j = 0; j < n; j++) {
        let sum = 0
        for (let p = 0; p < k; p++) sum += a.data[(batch * m + i) * k + p] * b.data[(batch * k + p) * n + j]
        out.data[(batch * m + i) * n + j] = sum
      }
}

const iota: Evaluate = (_, out, { axis }) => {
  const inner = sizeOf(out.shape.slice(axis! + 1))
  for (let i = 0; i < out.data.length; i++) out.data[i] = Math.floor(i / inner) % out.shape[axis!]
}

const randomBits: Evaluate = ([low, high, draw], out) => {
  for (let i = 0; i < out.data.length; i++) out.data[i] = threefry(low.data[0], high.data[0], i, draw.data[0])
}

const custom: Evaluate = (_, __, { custom }) => {
  throw new DeviceError(custom!.name, 'has a kernel for WebGPU only; move its tensors there')
}

const program: Evaluate = (sources, out, { program }) => {
  const rank = 2
  const examples = sizeOf(out.shape.slice(0, -rank))
  const example = (value: Value, i: number): Value => {
    const shape = value.shape.slice(-rank)
    const size = sizeOf(shape)
    return { shape, dtype: value.dtype, data: value.data.subarray(i * size, (i + 1) * size) }
  }
  for (let i = 0; i < examples; i++)
    program!.evaluate(
      sources.map(s => example(s, i)),
      example(out, i),
    )
}

export const values: Record<TableName, Evaluate> = {
  ...elementwise,
  ...reduce,
  ...movement,
  ...indexing,
  matmul,
  iota,
  randomBits,
  custom,
  program,
}
