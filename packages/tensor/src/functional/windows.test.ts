// Windows of all kinds at sizes past where rows are cut into borders and interiors, and lanes into groups: random geometries of depthwise and grouped
// convolutions and of pooling, with their gradients, against the plain evaluator in double precision.

import { type DeviceName, readAll, setDefaultDevice, type Tensor, tensor } from '../index.ts'
import { sizeOf } from '../shape.ts'
import { expectClose } from '../testing/close.ts'
import { onEachDevice } from '../testing/devices.ts'
import { type Draw, draw, testSeed } from '../testing/random.ts'
import { avgPool2d, conv1d, conv2d, convTranspose2d, maxPool2d } from './index.ts'

interface Case {
  readonly text: string
  readonly shapes: readonly (readonly number[])[]
  readonly run: (...operands: Tensor[]) => Tensor
}

function convolution(d: Draw): Case {
  const groups = d.integer(1, 4)
  const [into, out] = [d.integer(1, 3) * groups, d.integer(1, 4) * groups]
  const kernel = [d.integer(1, 6), d.integer(1, 6)]
  const dilation = [d.integer(1, 3), d.integer(1, 3)]
  const stride = [d.integer(1, 4), d.integer(1, 4)]
  const padding = kernel.map((k, i) => d.integer(0, (k - 1) * dilation[i] + 2))
  const size = kernel.map((k, i) => Math.max(1, (k - 1) * dilation[i] + 1 - 2 * padding[i]) + d.integer(0, 24))
  const shapes = [
    [d.integer(1, 3), into, ...size],
    [out, into / groups, ...kernel],
  ]
  const options = { stride, dilation, padding, groups }
  return {
    text: `conv2d ${JSON.stringify({ shapes, ...options })}`,
    shapes,
    run: (x, w) => conv2d(x, w, undefined, options),
  }
}

function line(d: Draw): Case {
  const channels = d.integer(1, 5)
  const kernel = d.integer(1, 40)
  const padding = d.integer(0, kernel + 1)
  const shapes = [
    [2, channels, kernel + d.integer(0, 60)],
    [channels, 1, kernel],
  ]
  const options = { padding, groups: channels, dilation: 1, stride: d.integer(1, 3) }
  return {
    text: `conv1d ${JSON.stringify({ shapes, ...options })}`,
    shapes,
    run: (x, w) => conv1d(x, w, undefined, options),
  }
}

function transposed(d: Draw): Case {
  const groups = d.integer(1, 4)
  const kernel = [d.integer(1, 5), d.integer(1, 5)]
  const shapes = [
    [2, groups, d.integer(1, 6), d.integer(1, 20)],
    [groups, d.integer(1, 3), ...kernel],
  ]
  const options = { stride: [d.integer(1, 4), d.integer(1, 4)], groups }
  return {
    text: `convTranspose2d ${JSON.stringify({ shapes, ...options })}`,
    shapes,
    run: (x, w) => convTranspose2d(x, w, undefined, options),
  }
}

function pooling(d: Draw): Case {
  const kernel = [d.integer(1, 5), d.integer(1, 5)]
  const padding = kernel.map(k => d.integer(0, Math.floor(k / 2) + 1))
  const options = { stride: [d.integer(1, 4), d.integer(1, 4)], padding, ceilMode: d.integer(0, 2) === 1 }
  const shapes = [[2, 2, kernel[0] + d.integer(0, 9), kernel[1] + d.integer(0, 20)]]
  const op = d.integer(0, 2) ? avgPool2d : maxPool2d
  return {
    text: `${op === avgPool2d ? 'avg' : 'max'}Pool2d ${JSON.stringify({ shapes, kernel, ...options })}`,
    shapes,
    run: x => op(x, kernel, options),
  }
}

const kinds = { convolution, line, transposed, pooling }

async function evaluate(device: DeviceName, { shapes, run }: Case, label: string, dtype: 'f32' | 'f64') {
  await setDefaultDevice(device)
  const d = draw(`${label} values`)
  const values = (shape: readonly number[]) => Float64Array.from(d.many(sizeOf(shape), -1, 1).map(Math.fround))
  const operands = shapes.map(shape => tensor(values(shape), [...shape], { dtype, requiresGrad: true }))
  const out = run(...operands)
  out
    .mul(tensor(values(out.shape), [...out.shape], { dtype }))
    .sum()
    .backward()
  const results = [out, ...operands.map(t => t.grad!)]
  return (await readAll(results)).map((data, i) => results[i].engine.decode(results[i].dtype, data))
}

for (const [name, make] of Object.entries(kinds))
  onEachDevice(
    `random geometries: ${name}`,
    async device => {
      for (let i = 0; i < (device === 'wasm' ? 30 : 3); i++) {
        const label = `${name} ${i}`
        const one = make(draw(label))
        const text = `seed ${testSeed}, ${label}: ${one.text}`
        const wanted = await evaluate('reference', one, label, 'f64')
        const results = await evaluate(device, one, label, 'f32')
        for (const [k, values] of wanted.entries()) {
          const scale = Math.max(1, ...values.map(Math.abs))
          expectClose(results[k], values, { absolute: 2e-5 * scale, relative: 1e-4 }, `${text}, result ${k}`)
        }
      }
    },
    { on: ['wasm', 'webgpu'], timeout: 60_000 },
  )
