// What a GPU does at its best, by shaders written for the purpose: multiply-adds that stay in registers, and a copy of memory. Timed as submits of many
// dispatches, until the device says that it has finished.

const threads = 256
/** accumulators of a thread, vectors of four: enough to cover the latency of a multiply-add */
const chains = 8
/** multiply-adds of each accumulator in one turn of the loop */
const unrolled = 8

/** Operations of one thread of `flopsShader`. */
const flopsOfThread = (turns: number): number => turns * unrolled * chains * 4 * 2

/** Multiply-adds on values that no compiler can know; the result is stored only where it has a value that it never has. */
function flopsShader(type: 'f32' | 'f16', turns: number): string {
  const all = Array.from({ length: chains }, (_, i) => `c${i}`)
  const vector = `vec4<${type}>`
  return `${type === 'f16' ? 'enable f16;\n' : ''}@group(0) @binding(0) var<storage, read_write> b0: array<f32>;
@compute @workgroup_size(${threads})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let x = ${vector}(${type}(b0[0]));
  let y = ${vector}(${type}(b0[1]));
${all.map((c, i) => `  var ${c} = ${vector}(${type}(f32(id.x % 64u) + ${i}));`).join('\n')}
  for (var turn = 0u; turn < ${turns}u; turn++) {
${Array.from({ length: unrolled }, () => all.map(c => `    ${c} = fma(${c}, x, y);`).join('\n')).join('\n')}
  }
  let sum = ${all.join(' + ')};
  if (f32(sum.x + sum.y + sum.z + sum.w) == -12345f) { b0[id.x % 2u] = 1f; }
}
`
}

const copyShader = `@group(0) @binding(0) var<storage, read> b0: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> b1: array<vec4f>;
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) thread: u32) {
  let i = (workgroup.y * grid.x + workgroup.x) * ${threads}u + thread;
  if (i < arrayLength(&b1)) { b1[i] = b0[i]; }
}
`

/** Something to run over and over: operations or bytes of one run. */
export interface GpuLimit {
  readonly amount: number
  /** `times` runs in one submit, until they have ended. */
  run(times: number): Promise<void>
  [Symbol.dispose](): void
}

const [copyTarget, storage] = [8, 128]

async function limit(
  device: GPUDevice,
  code: string,
  buffers: readonly GPUBuffer[],
  workgroups: number,
  amount: number,
): Promise<GpuLimit> {
  const module = device.createShaderModule({ code })
  const pipeline = await device.createComputePipelineAsync({ layout: 'auto', compute: { module, entryPoint: 'main' } })
  const layout = pipeline.getBindGroupLayout(0)
  const group = device.createBindGroup({
    layout,
    entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
  })
  const rows = workgroups > 65_535 ? Math.ceil(Math.sqrt(workgroups)) : 1
  return {
    amount,
    run(times) {
      const encoder = device.createCommandEncoder()
      const pass = encoder.beginComputePass()
      pass.setPipeline(pipeline)
      pass.setBindGroup(0, group)
      for (let i = 0; i < times; i++) pass.dispatchWorkgroups(Math.ceil(workgroups / rows), rows)
      pass.end()
      device.queue.submit([encoder.finish()])
      return device.queue.onSubmittedWorkDone()
    },
    [Symbol.dispose]() {
      for (const b of buffers) b.destroy()
    },
  }
}

/** Arithmetic in registers. @param workgroups of 256 threads   @param turns of 512 operations a thread */
export function flopsLimit(device: GPUDevice, type: 'f32' | 'f16', workgroups: number, turns: number) {
  const buffer = device.createBuffer({ size: 16, usage: storage | copyTarget })
  device.queue.writeBuffer(buffer, 0, new Float32Array([0.5, 0.25]))
  return limit(device, flopsShader(type, turns), [buffer], workgroups, workgroups * threads * flopsOfThread(turns))
}

/** A copy of `bytes`, a multiple of 16; read and written both count. */
export function copyLimit(device: GPUDevice, bytes: number) {
  const buffers = [0, 1].map(() => device.createBuffer({ size: bytes, usage: storage | copyTarget }))
  return limit(device, copyShader, buffers, Math.ceil(bytes / 16 / threads), 2 * bytes)
}
