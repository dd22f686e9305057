import { expect, test } from 'vitest'
import { features } from './index.ts'

test('Node has every feature the library asks for', () => {
  expect(features()).toEqual({
    compile: true,
    simd: true,
    relaxedSimd: true,
    threads: true,
    sharedMemory: true,
    bulkMemory: true,
    saturatingConversion: true,
  })
  expect(features()).toBe(features())
})
