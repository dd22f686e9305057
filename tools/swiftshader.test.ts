// Proves that the device of the WebGPU tests is there: an adapter answers, and a compute shader computes.
import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { create, globals } from 'webgpu'
import { ensureSwiftShader } from './swiftshader.ts'

Object.assign(globalThis, globals)
const gpu = create([])
Object.assign(globalThis, { gpu }) // Dawn crashes if this object is collected, and a module's own variable may be
const adapter = await gpu.requestAdapter()
const why = adapter ? '' : ' (skipped: no WebGPU adapter; SwiftShader is packaged for linux-x64 only)'

test.skipIf(process.platform !== 'linux' || process.arch !== 'x64')('SwiftShader unpacks', async () => {
  const found = await ensureSwiftShader()
  expect(found).not.toBeNull()
  expect(existsSync(found!.loader)).toBe(true)
  expect(existsSync(found!.env.VK_ICD_FILENAMES)).toBe(true)
  expect(adapter).not.toBeNull()
})

test.skipIf(!adapter)(`a compute shader runs${why}`, async () => {
  const device = await adapter!.requestDevice()
  const count = 1000
  const storage = device.createBuffer({ size: 4 * count, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC })
  const readback = device.createBuffer({ size: 4 * count, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST })
  const code = `
    @group(0) @binding(0) var<storage, read_write> out: array<u32>;
    @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
      if (id.x < arrayLength(&out)) { out[id.x] = id.x * id.x; }
    }`
  const pipeline = device.createComputePipeline({
    layout: 'auto',
    compute: { module: device.createShaderModule({ code }) },
  })
  const bindings = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: [{ binding: 0, resource: { buffer: storage } }],
  })
  const encoder = device.createCommandEncoder()
  const pass = encoder.beginComputePass()
  pass.setPipeline(pipeline)
  pass.setBindGroup(0, bindings)
  pass.dispatchWorkgroups(Math.ceil(count / 64))
  pass.end()
  encoder.copyBufferToBuffer(storage, 0, readback, 0, 4 * count)
  device.queue.submit([encoder.finish()])
  await readback.mapAsync(GPUMapMode.READ)
  expect([...new Uint32Array(readback.getMappedRange())]).toEqual(Array.from({ length: count }, (_, i) => i * i))
  device.destroy()
})
