import { expect, test } from 'vitest'
import { bytesMoved, liveBytes, type PlanView } from './plan-bytes.ts'

const of = (...accesses: string[]) => ({
  name: 'k',
  buffers: accesses.map(access => ({ dtype: 'f32', access, size: { factor: 10, symbols: [] } })),
})

test('memory that is there counts for each direction, what a kernel makes and reads back once; parts of a launch count each', () => {
  const plan: PlanView = {
    program: {
      launches: [
        { kernel: of('read', 'write'), buffers: [0, 1] },
        { kernel: of('read', 'readwrite'), buffers: [1, 2], more: [{ buffers: [1, 3] }] },
        { kernel: of('readwrite', 'readwrite'), buffers: [2, 4] },
      ],
    },
    slots: ['leaf', 'temp', 'root', 'root', 'leaf'].map(kind => ({ kind })),
  }
  expect(bytesMoved(plan)).toBe(40 * 2 + 40 * 2 * 2 + 40 * 2 * 2)
  expect(liveBytes(plan)).toBe(40)
})

test('values live from the first kernel that binds them to the last', () => {
  const step = (from: number, to: number) => ({ kernel: of('read', 'write'), buffers: [from, to] })
  const chain: PlanView = {
    program: { launches: [step(0, 1), step(1, 2), step(2, 3), step(3, 4)] },
    slots: ['leaf', 'temp', 'temp', 'temp', 'root'].map(kind => ({ kind })),
  }
  expect(liveBytes(chain)).toBe(80)
})

test('sizes that only a run knows are refused', () => {
  const kernel = { name: 'k', buffers: [{ dtype: 'f32', access: 'read', size: { factor: 2, symbols: [0] } }] }
  const plan = (sizes?: number[]): PlanView => ({
    program: { launches: [{ kernel, buffers: [0], ...(sizes && { sizes }) }] },
    slots: [{ kind: 'leaf' }],
  })
  expect(bytesMoved(plan([5]))).toBe(40)
  expect(() => bytesMoved(plan())).toThrow('at run time')
})
