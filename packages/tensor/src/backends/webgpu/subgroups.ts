// Whether threads may pass values to their neighbours without workgroup memory. WGSL does not say which threads of a workgroup form a subgroup,
// so that a device is asked once, by the very exchange that reductions make (print.ts): a value from the thread whose number differs in one bit.

import { usage } from './device.ts'

const threads = 128
const workgroups = 4
/** map mode of WebGPU */
const mapRead = 1

const probe = (width: number): string => {
  const exchanges: string[] = []
  for (let bit = 1; bit < width; bit *= 2)
    exchanges.push(`  right &= select(0u, 1u, subgroupShuffleXor(thread, ${bit}u) == (thread ^ ${bit}u));`)
  return `enable subgroups;
@group(0) @binding(0) var<storage, read_write> b0: array<u32>;
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  var right = 1u;
${exchanges.join('\n')}
  b0[workgroup.x * ${threads}u + thread] = right;
}
`
}

/** Threads beside each other, counted from a multiple of their number, that can exchange values; a power of two, 1 where none can. */
export async function subgroupWidth(device: GPUDevice): Promise<number> {
  const { subgroupMinSize = 1 } = device.adapterInfo ?? {}
  const width = Math.min(threads, 2 ** Math.floor(Math.log2(Math.max(1, subgroupMinSize))))
  if (!device.features.has('subgroups' as GPUFeatureName) || width < 2) return 1
  const bytes = 4 * threads * workgroups
  const result = device.createBuffer({ size: bytes, usage: usage.storage | usage.copySource })
  const staging = device.createBuffer({ size: bytes, usage: usage.mapRead | usage.copyTarget })
  try {
    const module = device.createShaderModule({ code: probe(width) })
    const pipeline = await device.createComputePipelineAsync({
      layout: 'auto',
      compute: { module, entryPoint: 'main' },
    })
    const group = device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: [{ binding: 0, resource: { buffer: result } }],
    })
    const encoder = device.createCommandEncoder()
    const pass = encoder.beginComputePass()
    pass.setPipeline(pipeline)
    pass.setBindGroup(0, group)
    pass.dispatchWorkgroups(workgroups)
    pass.end()
    encoder.copyBufferToBuffer(result, 0, staging, 0, bytes)
    device.queue.submit([encoder.finish()])
    await staging.mapAsync(mapRead)
    return new Uint32Array(staging.getMappedRange()).every(right => right === 1) ? width : 1
  } catch {
    // a driver that offers the feature and does not compile it: reductions go through workgroup memory
    return 1
  } finally {
    result.destroy()
    staging.destroy()
  }
}
