// Compiled shaders, shared by their text (what fills their parameters is each kernel's own). Compilation starts when a program is loaded, for all its kernels at once, and is
// waited for only by the first run.

import { DeviceError } from '../../errors.ts'
import type { Shader } from './print.ts'

export interface Compiled {
  readonly layout: GPUBindGroupLayout
  pipeline: GPUComputePipeline | null
  /** why there is no pipeline */
  error: DeviceError | null
  /** settles when there is a pipeline or an error; null after that */
  pending: Promise<void> | null
}

/** Pipelines kept; executables hold theirs, so the oldest may go. */
const capacity = 2048

/** shader stage flag of WebGPU */
const computeStage = 4

export class Pipelines {
  private readonly device: GPUDevice
  private readonly known = new Map<string, Compiled>()
  private readonly layouts = new Map<string, GPUBindGroupLayout>()

  constructor(device: GPUDevice) {
    this.device = device
  }

  get size(): number {
    return this.known.size
  }

  get(shader: Shader, name: string): Compiled {
    const before = this.known.get(shader.code)
    if (before) {
      this.known.delete(shader.code)
      this.known.set(shader.code, before)
      return before
    }
    const layout = this.layout(shader.bindings, shader.fields.length > 0, (shader.checks?.length ?? 0) > 0)
    const compiled: Compiled = { layout, pipeline: null, error: null, pending: null }
    compiled.pending = this.compile(compiled, shader.code, name)
    this.known.set(shader.code, compiled)
    if (this.known.size > capacity) this.known.delete(this.known.keys().next().value!)
    return compiled
  }

  private async compile(compiled: Compiled, code: string, name: string): Promise<void> {
    this.device.pushErrorScope('validation')
    const module = this.device.createShaderModule({ code })
    const scope = this.device.popErrorScope()
    try {
      compiled.pipeline = await this.device.createComputePipelineAsync({
        label: name,
        layout: this.device.createPipelineLayout({ bindGroupLayouts: [compiled.layout] }),
        compute: { module, entryPoint: 'main' },
      })
      await scope
    } catch (reason) {
      const errors = await scope.then(
        error => error?.message,
        () => undefined,
      )
      const message =
        (await firstError(module, code)) ?? errors ?? (reason instanceof Error ? reason.message : String(reason))
      compiled.error = new DeviceError('webgpu', `the kernel does not compile: ${message}`, { kernel: name })
    } finally {
      compiled.pending = null
    }
  }

  private layout(bindings: number, uniforms: boolean, checks: boolean): GPUBindGroupLayout {
    const key = `${bindings} ${uniforms} ${checks}`
    let layout = this.layouts.get(key)
    if (!layout) {
      const entries: GPUBindGroupLayoutEntry[] = []
      for (let binding = 0; binding < bindings; binding++)
        entries.push({ binding, visibility: computeStage, buffer: { type: 'storage' } })
      if (uniforms) entries.push({ binding: bindings, visibility: computeStage, buffer: { type: 'uniform' } })
      if (checks) entries.push({ binding: bindings + 1, visibility: computeStage, buffer: { type: 'storage' } })
      layout = this.device.createBindGroupLayout({ entries })
      this.layouts.set(key, layout)
    }
    return layout
  }
}

/** What the compiler says first, with the line it says it of; undefined where it has nothing to say. */
async function firstError(module: GPUShaderModule, code: string): Promise<string | undefined> {
  const { messages } = await module.getCompilationInfo().catch(() => ({ messages: [] }))
  const found = messages.find(m => m.type === 'error')
  if (!found) return undefined
  const { message, lineNum, linePos } = found
  const line = code.split('\n')[lineNum - 1]
  return lineNum
    ? `${message}\n  ${lineNum} | ${line}\n  ${' '.repeat(`${lineNum} | `.length + linePos - 1)}^`
    : message
}
