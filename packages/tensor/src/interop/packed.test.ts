// Packed views: their parts, what unpacks in a kernel of its user, and what is refused. Values at every place are in interop.test.ts.

import { expect, test } from 'vitest'
import { bytesInUse, randint, realize, statistics, tensor } from '../index.ts'
import { onEachDevice } from '../testing/devices.ts'
import { Packed } from './index.ts'

const values = Array.from({ length: 4 * 16 }, (_, i) => ((i * 5) % 16) - 8)

onEachDevice('parts of a view are parts of its integers', async () => {
  const x = tensor(Float64Array.from(values), [4, 16], { dtype: 'i8' })
  const packed = Packed.pack(x, 4)
  expect([packed.shape, packed.dtype, packed.bytes.shape]).toEqual([[4, 16], 'i8', [4, 8]])
  expect(await packed.unpack().numbers()).toEqual(values)
  expect(await packed.narrow(0, 1, 2).narrow(-1, 4, 6).unpack().toArray()).toEqual(
    await x.slice([1, 3], [4, 10]).toArray(),
  )
  const rows = tensor([3, 0, 3], { dtype: 'i32' })
  expect(await packed.indexSelect(0, rows).unpack().toArray()).toEqual(await x.indexSelect(0, rows).toArray())
  const bits = Packed.pack(
    tensor(
      Float64Array.from(values, v => v & 1),
      [4, 16],
      { dtype: 'u8' },
    ),
    1,
  )
  expect([bits.shape, bits.bytes.shape, await bits.unpack().sum().item()]).toEqual([[4, 16], [4, 2], 32])
})

onEachDevice(
  'a weighted sum over packed values is one kernel that reads bytes, and makes no unpacked values',
  async device => {
    const n = 512
    const packed = new Packed(
      randint(0, 256, [n, n / 2])
        .to('u8')
        .keep(),
      4,
      { signed: true },
    )
    const scale = tensor(
      Float32Array.from({ length: n }, (_, i) => 1 / (1 + i)),
      [n, 1],
    )
    const x = tensor(Float32Array.from({ length: n }, (_, i) => Math.sin(i)))
    await realize(packed.bytes, scale, x)
    const plain = packed.unpack().to('f32').keep()
    const wanted = await plain.mul(scale).mul(x).sum(-1).numbers()
    const run = () => packed.unpack().to('f32').mul(scale).mul(x).sum(-1).numbers()
    await run()
    const before = { launches: statistics(device).launches, bytes: bytesInUse(device) }
    const found = await run()
    expect(statistics(device).launches - before.launches).toBe(1)
    expect(bytesInUse(device) - before.bytes).toBeLessThan(n * n)
    found.forEach((v, i) => expect(v).toBeCloseTo(wanted[i], 3))
  },
  { on: ['wasm', 'webgpu'] },
)

test('what is no whole byte, or no small integer, is refused', () => {
  const packed = Packed.pack(tensor(Float64Array.from(values), [4, 16], { dtype: 'i8' }), 4)
  expect(() => packed.narrow(1, 1, 2)).toThrow('narrow: 1 and 2 values of 4 bits are not whole bytes')
  expect(() => packed.indexSelect(1, tensor([0], { dtype: 'i32' }))).toThrow('the packed axis has no single values')
  expect(() => Packed.pack(tensor([1, 2]), 4)).toThrow(".to('u8')")
  expect(() => new Packed(tensor([1, 2]), 4)).toThrow('Packed: needs u8, not f32')
})
