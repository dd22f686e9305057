// For tests: runs a kernel on the GPU and through the interpreter and compares every buffer.

import type { DType, TypedArray } from '../../dtype.ts'
import { evaluateDim } from '../../kernel/dim.ts'
import { bf16ToNumber, f16ToNumber } from '../../kernel/half.ts'
import { interpret } from '../../kernel/interpret.ts'
import type { Kernel } from '../../kernel/ir.ts'
import type { Program } from '../backend.ts'
import { createWebGPUBackend, type Keeper, type WebGPUBackend, type WebGPUOptions } from './backend.ts'

/** A backend, or null where there is no adapter. */
export const openBackend = (options?: WebGPUOptions, keeper?: Keeper): Promise<WebGPUBackend | null> =>
  createWebGPUBackend(options, keeper).catch(() => null)

export interface Run {
  readonly scalars?: readonly number[]
  readonly symbols?: readonly number[]
}

/** A program of one kernel, its buffers and scalars numbered as the kernel's. */
export const single = (kernel: Kernel): Program => ({
  launches: [{ kernel, buffers: kernel.buffers.map((_, i) => i), scalars: kernel.scalars.map((_, i) => i) }],
  slots: kernel.buffers.length,
  scalars: kernel.scalars,
})

/** Runs `kernel` on the device; gives every buffer afterwards. */
export async function onDevice(
  backend: WebGPUBackend,
  kernel: Kernel,
  buffers: readonly TypedArray[],
  { scalars = [], symbols = [] }: Run = {},
): Promise<TypedArray[]> {
  const bindings = buffers.map((data, i) => {
    const bytes = backend.storedBytes(kernel.buffers[i].dtype, data.length)
    return { buffer: backend.allocate(bytes), offset: 0, bytes }
  })
  bindings.forEach((binding, i) => void backend.write(binding, kernel.buffers[i].dtype, buffers[i]))
  const program = single(kernel)
  await backend.prepare?.(program)
  using executable = backend.load(program)
  const run = backend.run(executable, bindings, scalars, symbols)
  const results = await Promise.all(bindings.map((b, i) => backend.read(b, kernel.buffers[i].dtype, buffers[i].length)))
  await run
  for (const { buffer } of bindings) backend.free(buffer)
  return results
}

/** Runs `kernel` on the device and through the interpreter. @returns the differences, one line each; none is right */
export async function differences(
  backend: WebGPUBackend,
  kernel: Kernel,
  buffers: readonly TypedArray[],
  run: Run = {},
  tolerance: Tolerance = { absolute: 1e-5, relative: 1e-5 },
): Promise<string[]> {
  const expected = buffers.map(b => b.slice())
  interpret(kernel, expected, run)
  const actual = await onDevice(backend, kernel, buffers, run)
  return expected.flatMap((want, i) => {
    const { dtype, size } = kernel.buffers[i]
    if (want.length !== evaluateDim(size, run.symbols ?? []))
      return [`buffer ${i}: the test gave ${want.length} elements`]
    return compare(dtype, actual[i], want, tolerance).map(line => `${kernel.name}, buffer ${i} ${line}`)
  })
}

export interface Tolerance {
  readonly absolute: number
  readonly relative: number
}

/** The first few differences. NaN equals NaN; infinities equal themselves. */
export function compare(dtype: DType, actual: TypedArray, want: TypedArray, tolerance: Tolerance): string[] {
  const lines: string[] = []
  if (actual.length !== want.length) return [`length ${actual.length} instead of ${want.length}`]
  const value = (x: number): number => (dtype === 'f16' ? f16ToNumber(x) : dtype === 'bf16' ? bf16ToNumber(x) : x)
  // a narrow float may round the other way on a last-bit difference
  const step = dtype === 'f16' ? 2 ** -10 : dtype === 'bf16' ? 2 ** -7 : 0
  const exact = dtype !== 'f32' && step === 0
  for (let i = 0; i < want.length && lines.length < 4; i++) {
    const a = value(Number(actual[i]))
    const w = value(Number(want[i]))
    if (Object.is(a, w) || a === w || (Number.isNaN(a) && Number.isNaN(w))) continue
    const bound = exact ? 0 : tolerance.absolute + (tolerance.relative + step) * Math.abs(w)
    if (!(Math.abs(a - w) <= bound) || !Number.isFinite(w)) lines.push(`[${i}]: ${a} instead of ${w}`)
  }
  return lines
}

/** Numbers in [0, 1) from a seed; xorshift of 32 bits (Marsaglia 2003). */
export function randomFrom(seed: number): () => number {
  let state = (seed ^ 0x9e3779b9) >>> 0 || 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}
