// Opens the GPU: the browser's `navigator.gpu`, or Dawn from the optional npm package `webgpu` in Node. Limits and
// features of the adapter are requested in full, so that what the hardware can do is what kernels may use.

import { DeviceError } from '../../errors.ts'
import type { MatrixConfig } from './subgroup-matrix.ts'

export interface OpenDevice {
  readonly device: GPUDevice
  /** what the matrix units multiply (f16 or f32, added in f32); none where subgroups are not all of one size */
  readonly matrices: readonly MatrixConfig[]
  /** a CPU pretending to be a GPU; `auto` must not pick it */
  readonly software: boolean
  /** vendor, architecture, driver: for messages */
  readonly description: string
}

const wantedFeatures = ['shader-f16', 'subgroups', 'timestamp-query', 'chromium-experimental-subgroup-matrix'] as const

/**
 * Dawn's own switches. Without the first NVIDIA's Linux driver hides f16. The second leaves workgroup memory as it is, which
 * kernels here always write first: SwiftShader zeroes it element by element, in code that takes a second to compile. The third shows experimental features,
 * matrix units among them. Timestamps are rounded to 0.1 ms for the sake of web pages, unless told otherwise.
 */
const dawnOptions = [
  'enable-dawn-features=vulkan_enable_f16_on_nvidia,disable_workgroup_init,allow_unsafe_apis',
  'disable-dawn-features=timestamp_quantization',
]

/** @throws DeviceError when there is no adapter, saying what to install */
export async function openDevice(): Promise<OpenDevice> {
  const adapter = await findAdapter()
  const device = await adapter.requestDevice({
    requiredFeatures: wantedFeatures.filter(f => adapter.features.has(f)) as GPUFeatureName[],
    requiredLimits: adapterLimits(adapter),
  })
  const { vendor, architecture, description } = adapter.info
  return {
    device,
    matrices: matricesOf(adapter),
    software: isSoftware(adapter),
    description: [vendor, architecture, description].filter(Boolean).join(' ') || 'unknown adapter',
  }
}

function matricesOf({ info, features }: GPUAdapter): MatrixConfig[] {
  if (!features.has('chromium-experimental-subgroup-matrix') || info.subgroupMinSize !== info.subgroupMaxSize) return []
  // not in the types: an experiment of Chromium's
  const { subgroupMatrixConfigs: configs = [] } = info as { subgroupMatrixConfigs?: Iterable<SubgroupMatrixConfig> }
  return [...configs].flatMap(({ componentType: type, resultComponentType: result, M, N, K }) =>
    (type === 'f16' || type === 'f32') && result === 'f32' ? [{ type, m: M, n: N, k: K }] : [],
  )
}

interface SubgroupMatrixConfig {
  readonly componentType: string
  readonly resultComponentType: string
  readonly M: number
  readonly N: number
  readonly K: number
}

/** Whether there is a GPU that is not a CPU in disguise: what 'auto' may pick. */
export async function hasHardwareAdapter(): Promise<boolean> {
  try {
    return !isSoftware(await findAdapter())
  } catch {
    return false
  }
}

async function findAdapter(): Promise<GPUAdapter> {
  const gpu = await findGPU()
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' })
  if (!adapter)
    throw new DeviceError(
      'webgpu',
      isNode()
        ? 'no adapter: install a Vulkan driver for this GPU (npm `webgpu` is there)'
        : 'this browser offers no GPU',
    )
  return adapter
}

const isNode = (): boolean => typeof process !== 'undefined' && Boolean(process.versions?.node)

async function findGPU(): Promise<GPU> {
  if (typeof navigator !== 'undefined' && navigator.gpu) return navigator.gpu
  if (!isNode()) throw new DeviceError('webgpu', 'this browser has no WebGPU')
  // Dawn crashes once the object that create() returns is collected; two copies of this package may share it
  const shared = globalThis as { [dawn]?: GPU }
  if (!shared[dawn]) {
    const name = 'webgpu' // a variable: bundlers must not look for an optional package
    const found: typeof import('webgpu') | null = await import(/* @vite-ignore */ name).catch(() => null)
    if (!found) throw new DeviceError('webgpu', 'Node needs Dawn: install the npm package `webgpu` and a Vulkan driver')
    shared[dawn] = found.create(dawnOptions)
  }
  return shared[dawn]
}
const dawn = Symbol.for('cairn.webgpu.dawn')

function adapterLimits(adapter: GPUAdapter): Record<string, number> {
  const limits: Record<string, number> = {}
  for (const name of [
    'maxStorageBuffersPerShaderStage',
    'maxStorageBufferBindingSize',
    'maxBufferSize',
    'maxComputeWorkgroupStorageSize',
    'maxComputeInvocationsPerWorkgroup',
    'maxComputeWorkgroupSizeX',
    'maxComputeWorkgroupSizeY',
    'maxComputeWorkgroupSizeZ',
    'maxComputeWorkgroupsPerDimension',
    'minStorageBufferOffsetAlignment',
  ] as const)
    limits[name] = adapter.limits[name]
  return limits
}

function isSoftware(adapter: GPUAdapter): boolean {
  const { isFallbackAdapter, architecture, description, device } = adapter.info
  return (
    isFallbackAdapter || /swiftshader|llvmpipe|lavapipe|basic render/i.test(`${architecture} ${description} ${device}`)
  )
}

/** WebGPU's flags, which Node does not have as globals. */
export const usage = { mapRead: 1, copySource: 4, copyTarget: 8, uniform: 64, storage: 128 } as const
