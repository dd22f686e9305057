// Graphs of a few nodes, written here, against values by hand; and files that are not what they claim to be. The real model is compared
// by `pnpm conformance use-lite`.
import { setDefaultDevice, Tensor, tensor } from '@cairn/tensor'
import { beforeAll, expect, test } from 'vitest'
import { GraphModel, HostArray } from '../index.ts'
import type { Value } from './ops.ts'

type Attr = Record<string, unknown>
type TestNode = { name: string; op: string; input?: string[]; attr?: Attr }
type Weight = { name: string; dtype?: string; shape: number[]; values: number[]; quantization?: unknown }

beforeAll(() => setDefaultDevice('wasm'))

function files(nodes: TestNode[], weights: Weight[] = [], change: (json: Record<string, never>) => void = () => {}) {
  const bytes = weights.flatMap(({ dtype, values }) => [
    ...new Uint8Array((dtype === 'int32' ? Int32Array : Float32Array).from(values).buffer),
  ])
  const json = {
    format: 'graph-model',
    modelTopology: { node: [...weights.map(({ name }) => ({ name, op: 'Const' })), ...nodes] },
    weightsManifest: [
      {
        // The second shard begins inside of a number.
        paths: ['shard1', 'shard2'],
        weights: weights.map(({ values: _, dtype = 'float32', ...rest }) => ({ dtype, ...rest })),
      },
    ],
  }
  change(json as unknown as Record<string, never>)
  const half = Math.min(3, bytes.length)
  return {
    'model.json': new TextEncoder().encode(JSON.stringify(json)),
    shard1: Uint8Array.from(bytes.slice(0, half)),
    shard2: Uint8Array.from(bytes.slice(half)),
  }
}

const input = (name: string): TestNode => ({ name, op: 'Placeholder' })
const integers = (name: string, values: number[], shape = [values.length]): Weight => ({
  name,
  dtype: 'int32',
  shape,
  values,
})

/** The one output of one op. */
async function once(op: string, operands: Value[], weights: Weight[] = [], attr: Attr = {}): Promise<unknown> {
  const names = operands.map((_, i) => `x${i}`)
  const node = { name: 'y', op, input: [...names, ...weights.map(({ name }) => name)], attr }
  const model = await GraphModel.load(files([...names.map(input), node], weights))
  const value = model.run(Object.fromEntries(operands.map((x, i) => [`x${i}`, x]))).get('y')!
  return value instanceof Tensor ? await value.toArray() : { shape: [...value.shape], values: [...value.values] }
}

test('sizes of a tensor decide the shape of another, over shards that end inside of a number', async () => {
  const model = await GraphModel.load(
    files(
      // Out of order, with an order without a value: what a writer may leave.
      [
        { name: 'y', op: 'MatMul', input: ['rows', 'weight'], attr: { transpose_b: { b: true } } },
        { name: 'rows', op: 'Reshape', input: ['x', 'sizes', '^x'] },
        {
          name: 'last',
          op: 'StridedSlice',
          input: ['shape', 'minusOne', 'zero', 'one'],
          attr: { shrink_axis_mask: { i: '1' } },
        },
        { name: 'sizes', op: 'Pack', input: ['free', 'last'], attr: { axis: { i: 0 }, N: { i: '2' } } },
        { name: 'shape', op: 'Shape', input: ['x'] },
        input('x'),
      ],
      [
        { name: 'weight', shape: [1, 2], values: [10, 1] },
        integers('minusOne', [-1]),
        integers('zero', [0]),
        integers('one', [1]),
        integers('free', [-1], []),
      ],
    ),
  )
  expect([model.inputs, model.outputs]).toEqual([['x'], ['y']])
  const [y] = model.run({ x: tensor([[[1, 2]], [[3, 4]]]) }).values()
  expect(await (y as Tensor).toArray()).toEqual([[12], [34]])
})

test('rows are put at coordinates and taken from them', async () => {
  const rows = tensor([
    [1, 2],
    [3, 4],
    [5, 6],
  ])
  const at = new HostArray([3, 2], [1, 0, 0, 1, 1, 1])
  const put = [
    [
      [0, 0],
      [3, 4],
    ],
    [
      [1, 2],
      [5, 6],
    ],
  ]
  expect(await once('ScatterNd', [at, rows], [integers('shape', [2, 2, 2])])).toEqual(put)
  expect(await once('GatherNd', [tensor(put), at])).toEqual(await rows.toArray())
  const same = new HostArray([3, 1], [1, 0, 1])
  expect(await once('ScatterNd', [same, rows], [integers('shape', [3, 2])])).toEqual([
    [3, 4],
    [6, 8],
    [0, 0],
  ])
  await expect(once('ScatterNd', [at, rows], [integers('shape', [2, 1, 2])])).rejects.toThrow('index 1 along axis 1')
  await expect(once('GatherV2', [rows, new HostArray([1], [3])], [integers('axis', [0], [])])).rejects.toThrow(
    'index 3',
  )
})

test('integers: folds, pieces and places', async () => {
  const grid = new HostArray([2, 3], [1, 2, 3, 4, 5, 6])
  const array = (shape: number[], ...values: number[]) => ({ shape, values })
  expect(await once('Max', [grid], [integers('axes', [0])])).toEqual(array([3], 4, 5, 6))
  expect(await once('Sum', [grid], [integers('axes', [-1])], { keep_dims: { b: true } })).toEqual(array([2, 1], 6, 15))
  expect(await once('Prod', [grid], [integers('axes', [0, 1])])).toEqual(array([], 720))
  expect(await once('Mul', [grid, new HostArray([2, 1], [1, -1])])).toEqual(array([2, 3], 1, 2, 3, -4, -5, -6))
  expect(await once('Greater', [grid, new HostArray([], [4])])).toEqual(array([2, 3], 0, 0, 0, 0, 1, 1))
  expect(await once('Where', [new HostArray([2, 3], [0, 1, 0, 0, 0, 1])])).toEqual(array([2, 2], 0, 1, 1, 2))
  expect(await once('ConcatV2', [grid, grid], [integers('axis', [-1], [])])).toEqual(
    array([2, 6], 1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6),
  )
  expect(await once('Slice', [grid], [integers('begin', [1, 1]), integers('size', [1, -1])])).toEqual(
    array([1, 2], 5, 6),
  )
  const column = [integers('begin', [0, 1]), integers('end', [0, 2]), integers('strides', [1, 1])]
  const masks = { begin_mask: { i: '1' }, end_mask: { i: '1' }, shrink_axis_mask: { i: '2' } }
  expect(await once('StridedSlice', [grid], column, masks)).toEqual(array([2], 2, 5))
  expect(
    await once(
      'Range',
      ['0', '7', '3'].map(n => new HostArray([], [Number(n)])),
    ),
  ).toEqual(array([3], 0, 3, 6))
  expect(
    await once('SparseToDense', [
      new HostArray([1, 2], [1, 0]),
      new HostArray([2], [2, 2]),
      new HostArray([1], [7]),
      new HostArray([], [-1]),
    ]),
  ).toEqual(array([2, 2], -1, -1, 7, -1))
  const cast = { SrcT: { type: 'DT_INT32' }, DstT: { type: 1 } }
  expect(await once('Cast', [grid], [], cast)).toEqual([
    [1, 2, 3],
    [4, 5, 6],
  ])
})

test('a file that is not what it claims to be is an error that says what', async () => {
  const relu = { name: 'y', op: 'Relu', input: ['x'] }
  const weight = { name: 'w', shape: [2], values: [1, 2] }
  const cases: [wanted: string, ReturnType<typeof files>][] = [
    ['op Loop of node y is not supported', files([{ ...relu, op: 'Loop' }, input('x')])],
    ['op constructor of node y', files([{ ...relu, op: 'constructor' }, input('x')])],
    ['there is no node x', files([relu])],
    ['its own operand', files([relu, { name: 'x', op: 'Relu', input: ['y'] }])],
    ['two nodes x', files([input('x'), input('x')])],
    ['ends at byte 12 of 8', files([], [{ ...weight, shape: [3] }])],
    ['take 4 bytes of 8', files([], [{ ...weight, shape: [1] }])],
    ['shape of w', files([], [{ ...weight, shape: [-2] }])],
    ['w is quantized', files([], [{ ...weight, quantization: { scale: 1 } }])],
    [
      "'../secret' is not the name",
      files([], [weight], json => Object.assign(json.weightsManifest[0], { paths: ['../secret'] })),
    ],
    [
      'shard3, which model.json names, is not there',
      files([], [weight], json => Object.assign(json.weightsManifest[0], { paths: ['shard3'] })),
    ],
    ['is it a graph model', files([], [], json => Object.assign(json, { modelTopology: {} }))],
  ]
  for (const [wanted, given] of cases) await expect(GraphModel.load(given), wanted).rejects.toThrow(wanted)
  const bytes = new TextEncoder().encode('{')
  await expect(GraphModel.load({ 'model.json': bytes })).rejects.toThrow('model.json is not JSON')
  await expect(GraphModel.load({})).rejects.toThrow('there is no model.json in the given files')
  const model = await GraphModel.load(files([relu, input('x')]))
  expect(() => model.run({})).toThrow('input x is not given')
})
