// A WebGPU device for scripts that check or measure: the machine's own card, else the SwiftShader of the tests.
// Whether there is a card is asked in a process of its own, because Dawn opens Vulkan once and keeps what it found.
import { execFileSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { useSwiftShader } from './swiftshader.ts'

// `webgpu` is an optional peer of tensor and installed there.
const require = createRequire(join(dirname(fileURLToPath(import.meta.url)), '../packages/tensor/package.json'))

const PROBE = `
  import(process.argv[1]).then(async ({ create }) => {
    globalThis.gpu = create([])
    const adapter = await gpu.requestAdapter()
    console.log(JSON.stringify(adapter && { name: adapter.info.description || adapter.info.device, software: adapter.info.isFallbackAdapter }))
  })`

interface Adapter {
  name: string
  software: boolean
}

/**
 * Sees to it that `requestAdapter()` finds something in this process. Call before WebGPU is touched.
 * @returns a name to print, like `SwiftShader driver 5.0.0 (software)`
 * @throws if there is neither a card nor SwiftShader, saying what to install
 */
export async function ensureWebGPU(): Promise<string> {
  let adapter = probe()
  if (!adapter || adapter.software) {
    await useSwiftShader()
    adapter = probe()
  }
  if (!adapter)
    throw new Error(
      'webgpu: this machine offers no adapter; install a Vulkan driver for its GPU (or use linux-x64, where SwiftShader stands in).',
    )
  return `${adapter.name}${adapter.software ? ' (software)' : ''}`
}

function probe(): Adapter | null {
  // A child gets LD_LIBRARY_PATH rather than the loader that this process may have opened by path.
  const folder = process.env.VK_ICD_FILENAMES && dirname(process.env.VK_ICD_FILENAMES)
  const env = folder ? { ...process.env, LD_LIBRARY_PATH: folder } : process.env
  try {
    const args = ['-e', PROBE, pathToFileURL(require.resolve('webgpu')).href]
    return JSON.parse(
      execFileSync(process.execPath, args, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
    )
  } catch {
    return null
  }
}
