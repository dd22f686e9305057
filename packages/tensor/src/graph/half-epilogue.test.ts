// A layer in f16 on a GPU: bias, activation and residual are the product's epilogue, one kernel, whose sums are f32 and whose steps are rounded as on every device.

import { afterAll, expect, test, vi } from 'vitest'
import { openBackend } from '../backends/webgpu/differential.ts'
import { printKernel } from '../backends/webgpu/kernels.ts'
import { errorsOf, nullDevice } from '../backends/webgpu/null-device.ts'
import { encode } from '../numeric.ts'
import { Tensor } from '../ops/methods.ts'
import { CompiledExecutor } from './compiled.ts'
import { Engine } from './engine.ts'
import { ReferenceExecutor } from './reference.ts'
import { Storage } from './storage.ts'

const backend = await openBackend({ software: false, tuningCache: false })
const nothing = await nullDevice()
afterAll(() => backend?.dispose())
const why = backend && nothing ? '' : ' (skipped: no WebGPU adapter or no Dawn)'

const reference = new Engine('reference', () => Promise.resolve(new ReferenceExecutor()))
const leaf = (engine: Engine, shape: number[], scale: number): Tensor => {
  const storage = new Storage(engine, shape, 'f16')
  const values = Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * 1.7 + scale) * scale)
  storage.host = encode('f16', values)
  storage.settled = storage.head
  return new Tensor(storage)
}
const layer = (engine: Engine): Promise<number[]> => {
  const [x, w, bias, residual] = [[33, 40], [40, 24], [24], [33, 24]].map((s, i) =>
    leaf(engine, s, [1, 0.3, 0.5, 2][i]),
  )
  return x.matmul(w).add(bias).gelu({ approximate: 'tanh' }).add(residual).numbers()
}

test.skipIf(why !== '')(
  `one kernel, the reference's numbers, and text that a card's compiler takes${why}`,
  async () => {
    const executor = new CompiledExecutor(backend!)
    const engine = new Engine('card', () => Promise.resolve(executor))
    await Promise.all([engine.ready(), reference.ready()])
    const load = vi.spyOn(backend!, 'load')
    const [got, expected] = [await layer(engine), await layer(reference)]
    // a last bit where sums of another order round to the other side
    got.forEach(
      (value, i) =>
        void expect(Math.abs(value - expected[i])).toBeLessThanOrEqual(2 ** -9 * Math.abs(expected[i]) + 2 ** -12),
    )
    const kernels = load.mock.calls.flatMap(([program]) => program.launches.map(l => l.kernel))
    expect(kernels.map(k => k.kind)).toEqual(['matmul'])
    const limits = { threads: 256, workgroupBytes: 16384, software: false, subgroup: 1 }
    const alias = kernels[0].buffers.map((_, i) => i)
    for (const shader of printKernel(kernels[0], limits, alias, { half: true }).stages) {
      expect(await errorsOf(nothing!, shader)).toEqual([])
      expect(shader.code).toContain('array<f16>')
      // values of f16 are f32 once read: no arithmetic is done in f16
      expect(shader.code).not.toMatch(/: f16 =|vec4<f16>\(.*\) [*+]/)
    }
    await executor.dispose()
  },
)
