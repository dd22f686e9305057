// What every script does around its work: options from the command line, the device, errors as one line, and Ctrl-C.
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util'
import { type DeviceName, disposeDevice, setDefaultDevice } from '@cairn/tensor'

/** `out/` at the root of the repository, where scripts write. */
export const outFolder = (name: string): string => join(fileURLToPath(new URL('../../out', import.meta.url)), name)

/** Options of the command line; `--device` and `--help` are there for every script. */
export function options<T extends ParseArgsOptionsConfig>(own: T) {
  const all = { device: { type: 'string', default: 'auto' }, help: { type: 'boolean', short: 'h' }, ...own } as const
  const { values } = parseArgs({ options: all, allowPositionals: false })
  const { help, device } = values as { help?: boolean; device: string }
  if (help) {
    for (const [name, { type, default: value }] of Object.entries<ParseArgsOptionsConfig[string]>(all))
      console.log(`  --${name}${type === 'string' ? ` <${value ?? name}>` : ''}`)
    process.exit(0)
  }
  if (!['wasm', 'webgpu', 'auto', 'reference'].includes(device))
    throw new Error(`--device ${device}: must be wasm, webgpu or auto`)
  return { ...values, device: device as DeviceName | 'auto' }
}

/** An option that is a number. */
export function number(name: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value)) throw new Error(`--${name} ${text}: must be a number`)
  return value
}

/** Runs a script: a mistake of its user is one line, and the script ends by itself. */
export async function main(work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    console.error(process.env.CAIRN_DEBUG ? error : error instanceof Error ? error.message : String(error))
    process.exitCode = 1
  } finally {
    for (const device of ['wasm', 'webgpu', 'reference'] as const) await disposeDevice(device)
  }
}

/** Starts the device and says which it is. */
export async function startDevice(name: DeviceName | 'auto'): Promise<DeviceName> {
  const chosen = await setDefaultDevice(name)
  console.log(`device ${chosen}`)
  return chosen
}

/** Becomes true at the first Ctrl-C, so that a loop can end in order; a second one ends the process. */
export function interruption(): { readonly asked: boolean } {
  const state = { asked: false }
  const onInterrupt = () => {
    if (state.asked) process.exit(130)
    state.asked = true
  }
  process.on('SIGINT', onInterrupt)
  process.on('SIGTERM', onInterrupt)
  return state
}
