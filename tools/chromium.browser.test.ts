// Proves that the browser of the tests has what the packages need: isolation with shared memory, and a WebGPU adapter.
import { expect, test } from 'vitest'

test('the page is isolated and shares memory', () => {
  expect(crossOriginIsolated).toBe(true)
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true })
  expect(memory.buffer).toBeInstanceOf(SharedArrayBuffer)
})

test('WebGPU has an adapter', async () => {
  const adapter = await navigator.gpu.requestAdapter()
  expect(adapter).not.toBeNull()
  const device = await adapter!.requestDevice()
  device.destroy()
})
