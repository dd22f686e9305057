// Devices by name. Backends load by dynamic import, so that a bundle holds only what it uses.

import type { WebGPUOptions } from './backends/webgpu/backend.ts'
import type { Tuned } from './backends/webgpu/tuning/tune.ts'
import { DeviceError } from './errors.ts'
import { Engine } from './graph/engine.ts'
import { readKept, writeKept } from './io/files.ts'

export type DeviceName = 'wasm' | 'webgpu' | 'reference'

export interface WasmOptions {
  /** worker threads; 1 runs on the calling thread; default: the machine's cores */
  readonly threads?: number | 'auto'
  /** most bytes of device memory; more is an OutOfMemoryError */
  readonly maxBytes?: number
}

const options: { wasm: WasmOptions; webgpu: WebGPUOptions } = { wasm: {}, webgpu: {} }

const makers: Record<DeviceName, () => Engine> = {
  reference: () => new Engine('reference', async () => new (await import('./graph/reference.ts')).ReferenceExecutor()),
  wasm: () =>
    new Engine('wasm', async () => {
      const [{ createWasmBackend }, { CompiledExecutor }] = await Promise.all([
        import('./backends/wasm/backend.ts'),
        import('./graph/compiled.ts'),
      ])
      return new CompiledExecutor(await createWasmBackend(options.wasm))
    }),
  webgpu: () =>
    new Engine('webgpu', async () => {
      const [{ createWebGPUBackend }, { CompiledExecutor }] = await Promise.all([
        import('./backends/webgpu/backend.ts'),
        import('./graph/compiled.ts'),
      ])
      return new CompiledExecutor(await createWebGPUBackend(options.webgpu, { read: readKept, write: writeKept }))
    }),
}

const engines = new Map<DeviceName, Engine>()
let current: DeviceName = 'wasm'

/** The engine of a device, started or not. */
export function engineOf(name: DeviceName): Engine {
  let engine = engines.get(name)
  if (!engine) {
    const make = makers[name]
    if (!make)
      throw new DeviceError('device', `there is no device '${name}'; use 'wasm', 'webgpu', 'reference' or 'auto'`)
    engines.set(name, (engine = make()))
  }
  return engine
}

export const defaultEngine = (): Engine => engineOf(current)
export const defaultDevice = (): DeviceName => current

/**
 * Chooses and starts the device on which new tensors live.
 * @param name 'auto': 'webgpu' if a real adapter is there, else 'wasm'; never a software GPU unless named
 * @returns the chosen device   @throws DeviceError when it is not there, saying what to install
 */
export async function setDefaultDevice(
  name: DeviceName | 'auto',
  settings: WasmOptions & WebGPUOptions = {},
): Promise<DeviceName> {
  const chosen = name === 'auto' ? await automatic() : name
  if (chosen === 'wasm' || chosen === 'webgpu') options[chosen] = { ...options[chosen], ...settings }
  await engineOf(chosen).ready()
  current = chosen
  return chosen
}

async function automatic(): Promise<DeviceName> {
  const { hasHardwareAdapter } = await import('./backends/webgpu/device.ts')
  return (await hasHardwareAdapter()) ? 'webgpu' : 'wasm'
}

/**
 * Measures the kernels that the default device has run so far, each class of operation, layout, dtype and rough size once, and uses the fastest way
 * of making them from the next run on. Takes a second or two a class. WebGPU keeps the result for later programs on the same adapter (option
 * `tuningCache`); other devices have nothing to choose. Run a step or two first.
 * @returns what was measured: classes that were known already are left out   @throws DeviceLostError
 */
export async function tune(): Promise<readonly Tuned[]> {
  return (await (await defaultEngine().ready()).tune?.()) ?? []
}

/** Frees a device's memory and threads. Its tensors are lost. */
export async function disposeDevice(name: DeviceName): Promise<void> {
  const engine = engines.get(name)
  engines.delete(name)
  await engine?.executor?.dispose()
}
