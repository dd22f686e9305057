// Matrix products in torch's meaning: ranks, broadcast batches, transposed and empty operands, dtypes, gradients.

import { describe, expect, test } from 'vitest'
import { type DType, type Shape, type Tensor, tensor, zeros } from '../index.ts'
import { checkOp } from '../testing/check-op.ts'
import { onEachDevice } from '../testing/devices.ts'
import { torchCase } from '../testing/torch-cases.ts'

const halves = ['f16', 'bf16', 'f64'] as const

describe('matmul', () => {
  checkOp('matrices', (a, b) => a.matmul(b), {
    shapes: [
      [[3, 5], [5, 4]],
      [[1, 1], [1, 1]],
      [[4, 1], [1, 4]],
      [[7, 3], [3, 9]],
    ], // biome-ignore format: pairs of shapes
    against: torchCase('matmul'),
    dtypes: halves,
  })
  checkOp('larger than a tile', (a, b) => a.matmul(b), {
    shapes: [
      [[33, 17], [17, 41]],
      [[65, 70], [70, 19]],
    ], // biome-ignore format: pairs of shapes
    second: false,
    tolerance: { absolute: 1e-4 },
  })
  checkOp('transposed operands', (a, b) => a.transpose(0, 1).matmul(b.transpose(0, 1)), {
    shapes: [[[5, 3], [4, 5]]],
  }) // biome-ignore format: pairs of shapes
  checkOp('vectors', (a, b) => a.matmul(b), {
    shapes: [
      [[5], [5]],
      [[3, 5], [5]],
      [[5], [5, 3]],
      [[2, 3, 5], [5]],
      [[5], [2, 5, 3]],
    ], // biome-ignore format: pairs of shapes
  })
  checkOp('batches', (a, b) => a.matmul(b), {
    shapes: [
      [[2, 3, 5], [2, 5, 4]],
      [[2, 3, 5], [5, 4]],
      [[3, 5], [2, 5, 4]],
      [[2, 1, 3, 5], [4, 5, 2]],
      [[1, 3, 5], [2, 5, 4]],
    ], // biome-ignore format: pairs of shapes
    against: torchCase('matmul_batched_broadcast'),
  })
  checkOp('empty operands', (a, b) => a.matmul(b), {
    shapes: [
      [[0, 5], [5, 4]],
      [[3, 0], [0, 4]],
      [[3, 5], [5, 0]],
      [[0, 3, 5], [5, 4]],
      [[2, 0, 5], [2, 5, 4]],
    ], // biome-ignore format: pairs of shapes
    webgpu: 'all',
  })
  checkOp('a matrix with itself', a => a.matmul(a.transpose(-1, -2)), { shapes: [[3, 4]] })
  checkOp('with bias and activation', (x, w, b) => x.linear(w, b).relu(), {
    shapes: [[[2, 5, 8], [6, 8], [6]]],
  }) // biome-ignore format: pairs of shapes
  checkOp('linear', (x, w, b) => x.linear(w, b), { against: torchCase('linear') })
  checkOp('linear without bias', (x, w) => x.linear(w), { shapes: [[[3, 4], [2, 4]]] }) // biome-ignore format: a pair
  checkOp('dot', (a, b) => a.dot(b), { shapes: [[[4], [4]]] }) // biome-ignore format: a pair
  checkOp('swiglu', (x, a, b, c) => x.linear(a).silu().mul(x.linear(c)).linear(b), {
    against: torchCase('swiglu_mlp'),
    webgpu: 'none',
  })
})

describe('values that torch gives', () => {
  const read = (x: Tensor): Promise<unknown> => x.toArray()
  onEachDevice('integers', async () => {
    const a = tensor([[1, 2], [3, -4]], { dtype: 'i32' }) // biome-ignore format: a matrix
    const product = a.matmul(a)
    expect(product.dtype).toBe('i32')
    expect(await read(product)).toEqual([[7, -6], [-9, 22]]) // biome-ignore format: a matrix
  })
  onEachDevice('u8 wraps', async () => {
    const a = tensor([[16, 1]], { dtype: 'u8' })
    expect(await read(a.matmul(a.transpose(0, 1)))).toEqual([[1]])
  })
  onEachDevice('operands of two dtypes promote', async () => {
    const a = tensor([[1, 2]], { dtype: 'i32' })
    const b = tensor([[0.5], [0.25]])
    expect(await read(a.matmul(b))).toEqual([[1]])
    expect(a.matmul(b).dtype).toBe('f32')
  })
  onEachDevice('f16 products are summed in f32 and rounded once', async () => {
    const ones = (shape: Shape): Tensor => tensor(new Float32Array(4099).fill(1), shape, { dtype: 'f16' })
    expect(await read(ones([1, 4099]).matmul(ones([4099, 1])))).toEqual([[4100]])
  })
  onEachDevice(
    'NaN and infinities spread over their row and column only',
    async () => {
      const a = tensor([[NaN, 1], [1, 2]]) // biome-ignore format: a matrix
      const b = tensor([[1, 0], [Infinity, 1]]) // biome-ignore format: a matrix
      expect(await read(a.matmul(b))).toEqual([[NaN, NaN], [Infinity, 2]]) // biome-ignore format: a matrix
    },
    { on: ['reference', 'wasm'] },
  )
  onEachDevice('a product over nothing is 0', async () => {
    expect(await read(zeros([2, 0]).matmul(zeros([0, 1])))).toEqual([[0], [0]])
  })
})

describe('errors', () => {
  const x = (shape: Shape, dtype: DType = 'f32'): Tensor => zeros(shape, { device: 'reference', dtype })
  const cases: [string, () => unknown, RegExp][] = [
    ['inner sizes', () => x([32, 784]).matmul(x([512, 10])), /^matmul: inner sizes differ: \[32, 784\] x \[512, 10\] \(784 vs 512\)/],
    ['inner sizes of batches keep their shapes', () => x([2, 3, 4]).matmul(x([5, 6])), /^matmul: inner sizes differ: \[2, 3, 4\] x \[5, 6\] \(4 vs 5\)/],
    ['inner sizes of vectors keep their shapes', () => x([3]).matmul(x([4])), /^matmul: inner sizes differ: \[3\] x \[4\] \(3 vs 4\)/],
    ['batches that do not broadcast', () => x([2, 3, 4]).matmul(x([3, 4, 5])), /^matmul: shapes do not broadcast: \[2\] and \[3\]/],
    ['a 0-d operand', () => x([]).matmul(x([2, 2])), /^matmul: a 0-d operand; use mul/],
    ['bool', () => x([2, 2], 'bool').matmul(x([2, 2], 'bool')), /^matmul: does not take bool; convert with \.to\('f32'\)/],
    ['linear of another width', () => x([2, 3]).linear(x([4, 5])), /^linear: inner sizes differ: \[2, 3\] x \[4, 5\] \(3 vs 5\)/],
    ['linear with a vector as weight', () => x([2, 3]).linear(x([3])), /^linear: the weight must be \[out, in\] \(shape \[3\]\)/],
    ['a bias of another width', () => x([2, 5]).linear(x([4, 5]), x([3])), /^(linear|add): .*\[2, 4\].*\[3\]/],
    ['dot of matrices', () => x([2, 2]).dot(x([2, 2])), /^dot: needs two vectors, got \[2, 2\] and \[2, 2\]/],
  ] // biome-ignore format: one case a line
  for (const [name, run, message] of cases) test(name, () => expect(run).toThrow(message))
})
