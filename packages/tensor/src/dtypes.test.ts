// Every family of ops with every dtype on every device: it gives the numbers of exact arithmetic, or an error that names the op and the remedy.

import { describe, expect } from 'vitest'
import { isFloat } from './dtype.ts'
import { CairnError, cat, type DeviceName, type DType, type Tensor, tensor, where } from './index.ts'
import { supports } from './testing/check-op.ts'
import { onEachDevice } from './testing/devices.ts'

const all: readonly DType[] = ['f32', 'f16', 'bf16', 'f64', 'i32', 'u32', 'i8', 'u8', 'i64', 'bool']

interface Family {
  readonly run: (x: Tensor) => Tensor
  /** of [[1, 0], [3, 2]], or for bool of [[1, 0], [1, 1]] */
  readonly gives: (bool: boolean) => readonly number[]
  /** dtypes that are refused, with the remedy in the sentence */
  readonly refused?: Partial<Record<DType, string>>
  /** dtype of the result where that is not the operand's */
  readonly dtype?: (given: DType) => DType
}

const same =
  (...numbers: number[]) =>
  () =>
    numbers
const sums = (d: DType): DType => (['bool', 'u8', 'i8'].includes(d) ? 'i32' : d)
const floats = (d: DType): DType => (isFloat(d) ? d : 'f32')
const families: Record<string, Family> = {
  'add, of numbers': { run: x => x.add(1), gives: same(2, 1, 4, 3), refused: { bool: 'bool' } },
  'mul, of tensors': { run: x => x.mul(x), gives: same(1, 0, 9, 4), refused: { bool: 'bool' } },
  'div': { run: x => x.div(x.add(x.onesLike())), gives: same(0.5, 0, 0.75, 2 / 3), refused: { bool: 'bool' }, dtype: floats },
  'exp': { run: x => x.exp(), gives: b => [1, 0, b ? 1 : 3, b ? 1 : 2].map(Math.exp), dtype: floats },
  'comparison': { run: x => x.gt(x.flip(1)), gives: b => [1, 0, b ? 0 : 1, 0], dtype: () => 'bool' },
  'where': { run: x => where(x.ne(x.zerosLike()), x, x.onesLike()), gives: b => [1, 1, b ? 1 : 3, b ? 1 : 2] },
  'sum': { run: x => x.sum(), gives: b => [b ? 3 : 6], dtype: sums },
  'amax': { run: x => x.amax(1), gives: b => [1, b ? 1 : 3], dtype: d => (d === 'bool' ? 'i32' : d) },
  'argmax': { run: x => x.argmax(1), gives: same(0, 0), dtype: () => 'i32' },
  'mean': { run: x => x.mean(), gives: same(1.5), refused: { i32: '.to(', u32: '.to(', i8: '.to(', u8: '.to(', i64: '.to(', bool: '.to(' } },
  'matmul': { run: x => x.matmul(x), gives: same(1, 0, 9, 4), refused: { bool: ".to('f32')" } },
  'views': { run: x => x.transpose(0, 1).flip(0).reshape([4]).narrow(0, 1, 2), gives: b => [b ? 1 : 2, 1] },
  'cat': { run: x => cat([x, x.flip(0)], 1).select(0, 1), gives: b => [b ? 1 : 3, b ? 1 : 2, 1, 0] },
  'pad': { run: x => x.pad([[0, 0], [1, 0]]).select(0, 0), gives: same(0, 1, 0) }, // biome-ignore format: one line
  'gather': { run: x => x.gather(1, tensor([[1], [0]], { dtype: 'i32' })), gives: b => [0, b ? 1 : 3] }, // biome-ignore format: one line
  'scatter': { run: x => x.scatter(1, tensor([[0], [0]], { dtype: 'i32' }), x.narrow(1, 1, 1)), gives: b => [0, 0, b ? 1 : 2, b ? 1 : 2] }, // biome-ignore format: one line
  'sort': { run: x => x.sort(1)[0], gives: b => [0, 1, b ? 1 : 2, b ? 1 : 3] },
  'cumsum': { run: x => x.cumsum(1), gives: b => [1, 1, b ? 1 : 3, b ? 2 : 5], dtype: sums },
  'cast to f32': { run: x => x.to('f32'), gives: b => [1, 0, b ? 1 : 3, b ? 1 : 2], dtype: () => 'f32' },
  'cast to u8': { run: x => x.to('u8'), gives: b => [1, 0, b ? 1 : 3, b ? 1 : 2], dtype: () => 'u8' },
} // biome-ignore format: a table

const error = (run: () => unknown): unknown => {
  try {
    run()
  } catch (e) {
    return e
  }
  return null
}

describe('families of ops by dtype', () => {
  for (const [name, { run, gives, refused = {}, dtype: resultOf = (d: DType) => d }] of Object.entries(families))
    onEachDevice(name, async (device: DeviceName) => {
      for (const dtype of all) {
        if (!supports(device, dtype)) continue
        const bool = dtype === 'bool'
        const values = [1, 0, bool ? 1 : 3, bool ? 1 : 2]
        const x = tensor(Float64Array.from(values), [2, 2], { dtype })
        const remedy = refused[dtype]
        if (remedy !== undefined) {
          const found = error(() => run(x))
          expect(found, `${name} of ${dtype}`).toBeInstanceOf(CairnError)
          expect((found as Error).message, `${name} of ${dtype}`).toContain(remedy)
          continue
        }
        const out = run(x)
        expect(out.dtype, `${name} of ${dtype}`).toBe(resultOf(dtype))
        const tolerance = out.dtype === 'bf16' ? 2e-2 : out.dtype === 'f16' ? 2e-3 : 1e-6
        const wanted = gives(bool)
        const got = await out.numbers()
        expect(got.length).toBe(wanted.length)
        got.forEach((v, i) =>
          expect(Math.abs(v - wanted[i]), `${name} of ${dtype}: ${got}`).toBeLessThanOrEqual(
            tolerance * (1 + Math.abs(wanted[i])),
          ),
        )
      }
    })
  onEachDevice('what a GPU does not have is an error that names it', async device => {
    if (device !== 'webgpu') return
    for (const dtype of ['f64', 'i64'] as const)
      await expect((async () => tensor([1], { dtype }).add(1).data())()).rejects.toThrow(dtype)
  }, { on: ['webgpu'] }) // biome-ignore format: one line
})
