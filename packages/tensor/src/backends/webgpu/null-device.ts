// For tests: a device of Dawn's that runs nothing and claims every feature, so that shaders for hardware that is not there are at least parsed and validated.

import type { Shader } from './print.ts'

export async function nullDevice(): Promise<GPUDevice | null> {
  const name = 'webgpu' // a variable: bundlers must not look for it
  const dawn: typeof import('webgpu') | null = await import(/* @vite-ignore */ name).catch(() => null)
  if (!dawn) return null
  const gpu = dawn.create(['backend=null', 'enable-dawn-features=allow_unsafe_apis'])
  ;(globalThis as { nullGPU?: GPU }).nullGPU = gpu // Dawn crashes once it is collected
  const adapter = await gpu.requestAdapter()
  const requiredFeatures = ['shader-f16', 'subgroups', 'chromium-experimental-subgroup-matrix'] as GPUFeatureName[]
  return (await adapter?.requestDevice({ requiredFeatures })) ?? null
}

export const whyNoNullDevice = (device: GPUDevice | null): string => (device ? '' : ' (skipped: no Dawn)')

/** What the compiler has to say of a shader, each with its line. */
export async function errorsOf(device: GPUDevice, { code }: Pick<Shader, 'code'>): Promise<string[]> {
  device.pushErrorScope('validation')
  const { messages } = await device.createShaderModule({ code }).getCompilationInfo()
  await device.popErrorScope()
  return messages.map(m => `${m.type}: ${m.message} at ${code.split('\n')[m.lineNum - 1]}`)
}
