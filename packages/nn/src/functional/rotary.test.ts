import { tensor } from '@cairn/tensor'
import { expect } from 'vitest'
import { onEachDevice } from '../../../tensor/src/testing/devices.ts'
import { checkGradients, expectClose, sample } from '../../testing.ts'
import { rope, rotaryFrequencies } from './rotary.ts'

for (const style of ['half', 'interleaved'] as const)
  onEachDevice(`${style}: pairs turn by position * frequency`, async () => {
    const [heads, queries, width, theta] = [2, 3, 6, 100]
    const x = sample([1, heads, queries, width])
    const X = await x.numbers()
    const wanted = X.slice()
    const positions = [0, 5, 9]
    for (let h = 0; h < heads; h++)
      for (let t = 0; t < queries; t++)
        for (let i = 0; i < width / 2; i++) {
          const angle = positions[t] * theta ** ((-2 * i) / width)
          const row = (h * queries + t) * width
          const [a, b] = style === 'half' ? [row + i, row + i + width / 2] : [row + 2 * i, row + 2 * i + 1]
          wanted[a] = X[a] * Math.cos(angle) - X[b] * Math.sin(angle)
          wanted[b] = X[b] * Math.cos(angle) + X[a] * Math.sin(angle)
        }
    await expectClose(rope(x, { theta, style, positions: tensor(positions, { dtype: 'i32' }) }), wanted)
  })

onEachDevice('positions may differ along the batch', async () => {
  const x = sample([2, 1, 2, 4])
  const positions = tensor(
    [
      [1, 2],
      [7, 8],
    ],
    { dtype: 'i32' },
  )
  const apart = [0, 1].map(b => rope(x.narrow(0, b, 1), { positions: positions.select(0, b) }).numbers())
  await expectClose(rope(x, { positions }), (await Promise.all(apart)).flat())
})

onEachDevice(
  'gradients',
  async () => {
    for (const style of ['half', 'interleaved'] as const)
      await checkGradients(x => rope(x, { style }), [sample([1, 1, 2, 4], 3, 'f64')])
  },
  { on: ['reference', 'wasm'] },
)

onEachDevice('an odd width is an error', () => {
  expect(() => rotaryFrequencies(5)).toThrow('must be even')
})
