// What reaches a GPU: the dispatches that are encoded, with the text of their shaders. They may be kept from running, for counts that need no results.

import { engineOf } from '../../packages/tensor/src/device.ts'

export interface Dispatches {
  /** Forgets what was counted. */
  reset(): void
  /** Of kernels that share rows between threads: how many, the rows of all their launches, and the barriers that their workgroups meet. */
  barriers(): { kernels: number; rows: number; barriers: number }
  /** Lets dispatches pass as before. */
  [Symbol.dispose](): void
}

/** The device under @cairn/tensor, which is not public. */
export async function deviceOf(): Promise<GPUDevice> {
  const executor = (await engineOf('webgpu').ready()) as unknown as { backend: { device: GPUDevice } }
  return executor.backend.device
}

/** Rows of a workgroup, from the line of a shader that says how threads are dealt out; none where a thread has its own. */
function rowsOf(code: string): number | undefined {
  const line = /let wanted = \(workgroup\.y \* grid\.x \+ workgroup\.x\) \* (\d+)u/.exec(code)
  return line ? Number(line[1]) : undefined
}

/** @param run whether dispatches run, or are only counted */
export function countDispatches(device: GPUDevice, { run }: { run: boolean }): Dispatches {
  const { createShaderModule, createComputePipelineAsync, createCommandEncoder } = device
  const codes = new WeakMap<GPUShaderModule, string>()
  const pipelines = new WeakMap<GPUComputePipeline, string>()
  let met: { code: string; workgroups: number }[] = []
  device.createShaderModule = descriptor => {
    const module = createShaderModule.call(device, descriptor)
    codes.set(module, descriptor.code)
    return module
  }
  device.createComputePipelineAsync = async descriptor => {
    const pipeline = await createComputePipelineAsync.call(device, descriptor)
    pipelines.set(pipeline, codes.get(descriptor.compute.module) ?? '')
    return pipeline
  }
  device.createCommandEncoder = (...args) => {
    const encoder = createCommandEncoder.apply(device, args)
    const { beginComputePass } = encoder
    encoder.beginComputePass = (...of) => {
      const pass = beginComputePass.apply(encoder, of)
      let current: GPUComputePipeline | undefined
      const { setPipeline, dispatchWorkgroups } = pass
      pass.setPipeline = pipeline => setPipeline.call(pass, (current = pipeline))
      pass.dispatchWorkgroups = (x, y = 1, z = 1) => {
        met.push({ code: (current && pipelines.get(current)) ?? '', workgroups: x * y * z })
        if (run) dispatchWorkgroups.call(pass, x, y, z)
      }
      return pass
    }
    return encoder
  }
  return {
    reset: () => void (met = []),
    barriers() {
      const total = { kernels: 0, rows: 0, barriers: 0 }
      for (const { code, workgroups } of met) {
        const rows = rowsOf(code)
        if (rows === undefined) continue
        total.kernels++
        total.rows += rows * workgroups
        // they stand outside of every loop (print.ts), so each workgroup meets each once
        total.barriers += workgroups * (code.match(/(workgroup|storage)Barrier\(\);/g)?.length ?? 0)
      }
      return total
    },
    [Symbol.dispose]() {
      Object.assign(device, { createShaderModule, createComputePipelineAsync, createCommandEncoder })
    },
  }
}
