// The WebGPU device of the tests: SwiftShader, a Vulkan driver in software, out of the npm package `@sparticuz/chromium`.
//
// How to use it
// - In a vitest test: nothing to do. `tools/test-setup/webgpu.ts` has called `useSwiftShader()` in every test process, so
//   `create([]).requestAdapter()` of `webgpu` (Dawn) answers with a SwiftShader adapter, and null where none can be had.
// - In a script of this repository: `await useSwiftShader()` before `webgpu` is asked for its first adapter.
// - For a child process: spread `(await ensureSwiftShader())?.env` into its environment.
// - Hold what `create([])` returns on `globalThis` (or in a variable that a live function uses): a top-level variable that
//   nothing refers to any more is collected, and Dawn then takes the process down (SIGSEGV).
// - To test on another driver, say a real card, set Vulkan's own VK_DRIVER_FILES (or VK_ICD_FILENAMES): it is left alone.
//
// Two things must be in place when Dawn opens Vulkan: the variable that names the driver, which the Vulkan loader reads with
// getenv (setting `process.env` on the main thread is enough; on a worker thread it is not, so tests run in forks), and the
// loader `libvulkan.so.1` itself, which many machines lack. LD_LIBRARY_PATH is only read when a process starts; in a running
// one the loader is opened by its full path, and Dawn's later dlopen by name then finds it.

import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { constants } from 'node:os'
import { delimiter, dirname, join, resolve } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { createBrotliDecompress } from 'node:zlib'

export interface SwiftShader {
  /** What a child process needs in its environment. */
  env: { VK_ICD_FILENAMES: string; LD_LIBRARY_PATH: string }
  /** The Vulkan loader that came with the driver. */
  loader: string
}

const CACHE = resolve(dirname(fileURLToPath(import.meta.url)), '../.cache')
const MANIFEST = 'vk_swiftshader_icd.json'
const LOADER = 'libvulkan.so.1'

/** Keeps a library mapped after the handle is closed; glibc's value, which Node does not export. */
const RTLD_NODELETE = 0x1000

/** Unpacks the driver once into `.cache` and says where it is; null where the package or the platform has none. */
export async function ensureSwiftShader(): Promise<SwiftShader | null> {
  if (process.platform !== 'linux' || process.arch !== 'x64') return null
  const root = await packageRoot('@sparticuz/chromium')
  if (!root) return null
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string }
  const folder = join(CACHE, `swiftshader-${version}`)
  if (!existsSync(join(folder, MANIFEST))) await unpack(join(root, 'bin/swiftshader.tar.br'), folder)
  const libraries = [folder, process.env.LD_LIBRARY_PATH].filter(Boolean).join(delimiter)
  return {
    env: { VK_ICD_FILENAMES: join(folder, MANIFEST), LD_LIBRARY_PATH: libraries },
    loader: join(folder, LOADER),
  }
}

/**
 * Makes SwiftShader the Vulkan driver of this process, before Dawn's first adapter. Main thread only.
 * @returns false where there is no SwiftShader, or where the environment already names a driver
 */
export async function useSwiftShader(): Promise<boolean> {
  if (process.env.VK_ICD_FILENAMES || process.env.VK_DRIVER_FILES) return false
  const found = await ensureSwiftShader()
  if (!found) return false
  process.env.VK_ICD_FILENAMES = found.env.VK_ICD_FILENAMES
  try {
    process.dlopen({ exports: {} }, found.loader, constants.dlopen.RTLD_NOW | RTLD_NODELETE)
  } catch {
    // Always: a Vulkan loader is no Node module. It stays mapped all the same, and that is what it was opened for.
  }
  return true
}

async function packageRoot(name: string): Promise<string | null> {
  try {
    const entry = fileURLToPath(import.meta.resolve(name))
    return entry.slice(0, entry.lastIndexOf(join('node_modules', name)) + join('node_modules', name).length)
  } catch {
    return null
  }
}

/** Into a temporary folder first, then renamed: several test processes may unpack at once, and one may be killed. */
async function unpack(archive: string, folder: string): Promise<void> {
  const { extract } = await import('tar-fs')
  await mkdir(CACHE, { recursive: true })
  const temporary = await mkdtemp(join(CACHE, 'unpack-'))
  await pipeline(Readable.from([await readFile(archive)]), createBrotliDecompress(), extract(temporary))
  await rename(temporary, folder).catch(async error => {
    await rm(temporary, { recursive: true, force: true })
    if (!existsSync(join(folder, MANIFEST))) throw error
  })
}
