// Contractions of several tensors against loops over all their axes, and products of pairs.

import { describe, expect, test } from 'vitest'
import { embedding, embeddingBag } from '../functional/index.ts'
import { einsum, readAll, sparseRows, type Tensor, tensor } from '../index.ts'
import { checkOp, type Given, given } from '../testing/check-op.ts'
import { expectClose, single } from '../testing/close.ts'
import { onEachDevice } from '../testing/devices.ts'
import { draw } from '../testing/random.ts'

/** The sum of products over every assignment of the names, in plain numbers; no ellipsis. */
function byLoops(
  equation: string,
  shapes: readonly (readonly number[])[],
  values: readonly (readonly number[])[],
): number[] {
  const [left, output] = equation.split('->')
  const inputs = left.split(',').map(part => [...part])
  const names = [...new Set(inputs.flat())]
  const sizes = new Map(inputs.flatMap((part, i) => part.map((name, d) => [name, shapes[i][d]] as const)))
  const at = new Map<string, number>()
  const flat = (part: readonly string[]) => part.reduce((n, name) => n * sizes.get(name)! + at.get(name)!, 0)
  const out = new Array<number>([...output].reduce((n, name) => n * sizes.get(name)!, 1)).fill(0)
  const walk = (i: number): void => {
    if (i === names.length) {
      out[flat([...output])] += inputs.reduce((product, part, p) => product * values[p][flat(part)], 1)
      return
    }
    for (let n = 0; n < sizes.get(names[i])!; n++) {
      at.set(names[i], n)
      walk(i + 1)
    }
  }
  walk(0)
  return out
}

const equations: readonly (readonly [string, ...(readonly number[])[]])[] = [
  ['ij,jk->ik', [3, 4], [4, 5]],
  ['bij,bjk->bik', [2, 3, 4], [2, 4, 3]],
  ['ij->ji', [3, 4]],
  ['ij->', [3, 4]],
  ['ii->i', [4, 4]],
  ['ii->', [4, 4]],
  ['iij->j', [3, 3, 2]],
  ['i,j->ij', [3], [4]],
  ['i,i->', [5], [5]],
  ['ij,ij->ij', [3, 4], [3, 4]],
  ['bhqd,bhkd->bhqk', [2, 3, 4, 5], [2, 3, 6, 5]],
  ['ij,jk,kl->il', [2, 6], [6, 3], [3, 5]],
  ['a,ab,bc,cd,d->', [3], [3, 4], [4, 2], [2, 5], [5]],
  ['bn,anm,bm->ba', [2, 3], [4, 3, 5], [2, 5]],
  ['ab,ac,ad->bcd', [3, 2], [3, 4], [3, 5]],
  ['ijk,k->ij', [2, 3, 4], [4]],
  ['abc,cd->bd', [2, 3, 4], [4, 2]],
]

for (const [equation, ...shapes] of equations)
  onEachDevice(`einsum ${equation} is the sum over all its names`, async () => {
    const random = draw(`einsum ${equation}`)
    const values = shapes.map(shape =>
      random.many(
        shape.reduce((a, b) => a * b, 1),
        -1,
        1,
      ),
    )
    const out = einsum(equation, ...shapes.map((shape, i) => tensor(Float32Array.from(values[i]), shape)))
    expectClose(await out.numbers(), byLoops(equation, shapes, values), { ...single, absolute: 1e-5 }, equation)
  })

onEachDevice('einsum: an ellipsis broadcasts, and axes of size 1 stretch', async () => {
  const a = tensor([
    [
      [1, 2],
      [3, 4],
    ],
  ]) // [1, 2, 2]
  const b = tensor([
    [
      [1, 0],
      [0, 1],
    ],
    [
      [2, 0],
      [0, 2],
    ],
  ]) // [2, 2, 2]
  const plain = a.matmul(b)
  const [x, y, z, t] = await readAll([
    einsum('...ij,...jk->...ik', a, b),
    einsum('...ij,...jk', a, b),
    einsum('bij,bjk->bik', a, b),
    plain,
  ])
  expect([x, y, z]).toEqual([t, t, t])
  expect(einsum('...i->i...', b).shape).toEqual([2, 2, 2])
  expect(
    await einsum(
      '...i->...',
      tensor([
        [1, 2],
        [3, 4],
      ]),
    ).numbers(),
  ).toEqual([3, 7])
  expect(await einsum('i,i', tensor([1, 2]), tensor([3, 4])).numbers()).toEqual([11])
  expect(
    await einsum(
      'ba',
      tensor([
        [1, 2],
        [3, 4],
      ]),
    ).numbers(),
  ).toEqual([1, 3, 2, 4])
})

test('einsum says what does not fit', () => {
  const a = tensor([
    [1, 2],
    [3, 4],
  ])
  expect(() => einsum('ij,jk->ik', a)).toThrow(/names 2 operands \(operands 1\)/)
  expect(() => einsum('ijk->i', a)).toThrow(/'ijk' does not name the axes of operand 0/)
  expect(() => einsum('ij->ik', a)).toThrow(/no operand has the 'k'/)
  expect(() => einsum('ij->ii', a)).toThrow(/a name twice/)
  expect(() => einsum('i1->i', a)).toThrow(/not made of letters/)
  expect(() => einsum('ij,jk->ik', a, tensor([[1, 2, 3]]).transpose(0, 1))).toThrow(
    /'j' .* two sizes \(sizes \[2, 3\]\)/,
  )
})

test('einsum joins a chain from its small end', () => {
  // left to right would make 300 x 300 values on the way
  const out = einsum(
    'ab,bc,c->a',
    tensor(new Float32Array(600), [300, 2]),
    tensor(new Float32Array(600), [2, 300]),
    tensor(new Array(300).fill(1)),
  )
  const sizes = new Set<number>()
  const walk = (node: { size?: number; shape: readonly number[]; sources: readonly unknown[] }): void => {
    sizes.add(node.shape.reduce((a, b) => a * b, 1))
    for (const s of node.sources) walk(s as typeof node)
  }
  walk(out.node as never)
  expect(Math.max(...sizes)).toBe(600)
})

describe('contractions', () => {
  checkOp('einsum', (a, b, c) => einsum('bij,jk,bk->bi', a, b, c), {
    shapes: [
      [
        [2, 3, 4],
        [4, 5],
        [2, 5],
      ],
    ],
  })
  checkOp('einsum of a diagonal', a => einsum('bii->bi', a), { shapes: [[2, 3, 3]] })
  checkOp('einsum with an ellipsis', (a, b) => einsum('...ij,jk->...ik', a, b), {
    shapes: [
      [
        [2, 3, 4],
        [4, 2],
      ],
    ],
  })
  checkOp(
    'tensordot',
    (a, b) =>
      a.tensordot(b, [
        [1, 0],
        [0, 1],
      ]),
    {
      shapes: [
        [
          [3, 4, 2],
          [4, 3, 5],
        ],
      ],
    },
  )
  checkOp('tensordot of the last axes', (a, b) => a.tensordot(b, 1), {
    shapes: [
      [
        [3, 4],
        [4, 2, 2],
      ],
      [
        [0, 4],
        [4, 2],
      ],
    ],
  })
  checkOp('outer', (a, b) => a.outer(b), {
    shapes: [
      [[3], [4]],
      [[0], [2]],
    ],
  })
  checkOp('kron', (a, b) => a.kron(b), {
    shapes: [
      [
        [2, 3],
        [3, 2],
      ],
      [[3], [2, 2]],
    ],
  })
})

const apart = {
  range: [
    [0, 1],
    [2, 3],
  ] as const,
}
describe('distances', () => {
  checkOp('cdist', (a, b) => a.cdist(b), {
    shapes: [
      [
        [3, 4],
        [5, 4],
      ],
      [
        [2, 3, 4],
        [2, 2, 4],
      ],
    ],
    ...apart,
  })
  checkOp('cdist of order 1', (a, b) => a.cdist(b, { p: 1 }), {
    shapes: [
      [
        [3, 4],
        [5, 4],
      ],
    ],
    ...apart,
  })
  checkOp('cdist of order 3', (a, b) => a.cdist(b, { p: 3 }), {
    shapes: [
      [
        [3, 4],
        [5, 4],
      ],
    ],
    ...apart,
  })
  checkOp('cdist of the largest', (a, b) => a.cdist(b, { p: Infinity }), {
    shapes: [
      [
        [2, 3],
        [3, 3],
      ],
    ],
    ...apart,
  })
  onEachDevice('cdist: equal rows are 0 apart, and so is the gradient', async () => {
    const x = tensor(
      [
        [1, 2],
        [3, 5],
      ],
      { requiresGrad: true },
    )
    const d = x.cdist(x)
    expectClose(await d.numbers(), [0, Math.sqrt(13), Math.sqrt(13), 0], single, 'distances')
    expect(await x.cdist(x.detach().add(tensor([0, 1])), { p: 0 }).numbers()).toEqual([1, 2, 2, 1])
    d.sum().backward()
    expect((await x.grad!.numbers()).every(Number.isFinite)).toBe(true)
  })
})

const integers = (dtype: 'i32' | 'u8' | 'i8' | 'i64', ...values: number[]): Given =>
  given([values.length], values, dtype)
describe('integers', () => {
  const [a, b] = [
    [12, -18, 0, 0, 7, 1836311903, -6],
    [18, 12, 5, 0, 7, 1134903170, 4],
  ]
  const plain = (x: number, y: number): number => (y === 0 ? Math.abs(x) : plain(y, x % y))
  checkOp('gcd', (x, y) => x.gcd(y), { inputs: [[integers('i32', ...a), integers('i32', ...b)]], gradient: false })
  checkOp('lcm', (x, y) => x.lcm(y), {
    inputs: [[integers('i32', 12, -18, 0, 0, 7, -6), integers('i32', 18, 12, 5, 0, 7, 4)]],
    gradient: false,
  })
  onEachDevice('gcd and lcm in numbers', async () => {
    const [x, y] = [a, b].map(values => tensor(values, { dtype: 'i32' }))
    expect(await x.gcd(y).numbers()).toEqual(a.map((v, i) => plain(v, b[i])))
    expect(
      await tensor([12, -18, 0, 0], { dtype: 'i32' })
        .lcm(tensor([18, 12, 5, 0], { dtype: 'i32' }))
        .numbers(),
    ).toEqual([36, 36, 0, 0])
    expect(
      await tensor([233, 8], { dtype: 'u8' })
        .gcd(tensor([144, 12], { dtype: 'u8' }))
        .numbers(),
    ).toEqual([1, 4])
    expect(() => tensor([1.5]).gcd(2)).toThrow(/needs integers, not f32/)
  })
})

describe('mode', () => {
  // the numbers differ, so the derivative exists: where some are equal a small step changes which is the most frequent
  checkOp('mode', x => x.mode(1)[0], {
    shapes: [
      [2, 5],
      [3, 1],
    ],
  })
  onEachDevice('mode: the smallest of equally frequent ones, and its last place', async () => {
    const [value, index] = tensor([
      [3, 1, 3, 2, 1],
      [5, 4, 5, 5, 0],
      [9, 8, 7, 6, 5],
    ]).mode()
    expect(await value.numbers()).toEqual([1, 5, 5])
    expect(await index.numbers()).toEqual([4, 3, 4])
    const [kept] = tensor([2, 2, 1], { dtype: 'i32' }).mode(0, { keepDim: true })
    expect([kept.shape, await kept.numbers()]).toEqual([[1], [2]])
    expect(() => tensor([]).mode()).toThrow(/empty axis/)
  })
})

const table = given([5, 3], draw('bags').many(15, -2, 2).map(Math.fround))
const rows = given([2, 3], [0, 4, 1, 2, 2, 3], 'i32')
const flat = given([5], [0, 4, 1, 2, 3], 'i32')
const bags = given([3], [0, 2, 2], 'i32')
describe('lookups', () => {
  for (const sparse of [false, true])
    checkOp(`embedding${sparse ? ', sparse' : ''}`, (t, i) => embedding(t, i, { sparse }), { inputs: [[table, rows]] })
  checkOp('embedding, gradients by frequency', (t, i) => embedding(t, i, { scaleGradByFreq: true }), {
    inputs: [[table, given([3], [0, 4, 1], 'i32')]],
    vmap: false,
  })
  onEachDevice('embedding in numbers: padding, frequency, and the rows of a sparse gradient', async () => {
    for (const sparse of [false, true]) {
      const t = tensor([[1], [2], [3], [4]], { requiresGrad: true })
      const ids = tensor(
        [
          [0, 2, 2],
          [3, 2, 1],
        ],
        { dtype: 'i32' },
      )
      const factors = tensor([
        [[1], [2], [4]],
        [[8], [16], [32]],
      ])
      const rows = embedding(t, ids, { sparse, scaleGradByFreq: true, paddingIndex: 1 })
      rows.mul(factors).sum().backward()
      expect(await rows.numbers()).toEqual([1, 3, 3, 4, 3, 2])
      expect((await t.grad!.numbers()).map(v => Math.round(v * 3))).toEqual([3, 0, 22, 24])
      expect(sparseRows(t.grad!)?.indices.shape).toEqual(sparse ? [6] : undefined)
    }
    expect(() => embedding(tensor([[1]]), tensor([0.5]))).toThrow(/embedding: the indices must be an integer tensor/)
  })
})

describe('bags', () => {
  for (const mode of ['sum', 'mean', 'max'] as const) {
    checkOp(`embeddingBag, ${mode}`, (t, i) => embeddingBag(t, i, { mode }), { inputs: [[table, rows]], vmap: false })
    checkOp(`embeddingBag, ${mode} with offsets`, (t, i, o) => embeddingBag(t, i, { mode, offsets: o }), {
      inputs: [[table, flat, bags]],
      vmap: false,
    })
  }
  checkOp('embeddingBag with weights', (t, i, w) => embeddingBag(t, i, { mode: 'sum', weights: w }), {
    inputs: [[table, rows, given([2, 3], [1, -2, 0.5, 3, 1, 1])]],
    vmap: false,
  })
  onEachDevice(
    'embeddingBag in numbers: empty bags and padding',
    async () => {
      const t = tensor([
        [1, 2],
        [3, 4],
        [5, 6],
      ])
      const ids = tensor([0, 1, 2, 2], { dtype: 'i32' })
      const offsets = tensor([0, 2, 2], { dtype: 'i32' })
      const bag = (mode: 'sum' | 'mean' | 'max'): Promise<number[]> => embeddingBag(t, ids, { mode, offsets }).numbers()
      expect(await bag('sum')).toEqual([4, 6, 0, 0, 10, 12])
      expect(await bag('mean')).toEqual([2, 3, 0, 0, 5, 6])
      expect(await bag('max')).toEqual([3, 4, 0, 0, 5, 6])
      const padded = (mode: 'mean' | 'max'): Tensor =>
        embeddingBag(
          t,
          tensor(
            [
              [0, 2],
              [2, 2],
            ],
            { dtype: 'i32' },
          ),
          { mode, paddingIndex: 2 },
        )
      expect(await padded('mean').numbers()).toEqual([1, 2, 0, 0])
      expect(await padded('max').numbers()).toEqual([1, 2, 0, 0])
      await expect(embeddingBag(t, tensor([[3]], { dtype: 'i32' })).data()).rejects.toThrow(/size 3/)
    },
    { on: ['reference', 'wasm'] },
  )
})

test('unique along an axis: slices in order, with their places and counts', async () => {
  const x = tensor([
    [2, 1],
    [0, 5],
    [2, 1],
    [0, 4],
  ])
  const { values, inverse, counts } = await x.unique({ axis: 0 })
  expect(await values.toArray()).toEqual([
    [0, 4],
    [0, 5],
    [2, 1],
  ])
  expect(await inverse.numbers()).toEqual([2, 1, 2, 0])
  expect(await counts.numbers()).toEqual([1, 1, 2])
  const columns = await tensor([
    [1, 0, 1],
    [2, 0, 2],
  ]).unique({ axis: -1 })
  expect(await columns.values.toArray()).toEqual([
    [0, 1],
    [0, 2],
  ])
})
