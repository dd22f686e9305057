// `pnpm conformance <suite> [path] [--device d] [--only group]`: runs a suite of cases made by other implementations, names
// each failure with its error, and ends with one line `N passed, N failed, N skipped`; exit code 1 on any failure.
import { existsSync, readdirSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { command } from '../tools/command.ts'
import { ensureWebGPU } from '../tools/webgpu.ts'
import { report } from './report.ts'
import { findSharedData } from './shared-data.ts'
import { type DeviceName, devices, type Suite } from './suite.ts'

const folder = join(dirname(fileURLToPath(import.meta.url)), 'suites')
const names = readdirSync(folder)
  .filter(file => file.endsWith('.ts') && !file.endsWith('.test.ts'))
  .map(file => file.slice(0, -'.ts'.length))
  .sort()

try {
  process.exitCode = await main()
} catch (error) {
  // A mistake in the command, or a suite that could not go on: one line, and the trail for whoever debugs.
  console.error(process.env.CAIRN_DEBUG ? error : error instanceof Error ? error.message : String(error))
  process.exitCode = 1
}

async function main(): Promise<number> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      device: { type: 'string', short: 'd', default: 'wasm' },
      only: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  const [name, given, ...rest] = positionals
  if (values.help || !name) {
    await usage()
    return values.help ? 0 : 1
  }
  if (rest.length) throw new Error(`conformance takes one suite and one path, not also ${rest.join(' ')}.`)
  if (!names.includes(name))
    throw new Error(`There is no suite '${name}'; there are: ${names.join(', ') || 'none yet'}.`)
  if (!isDevice(values.device)) throw new Error(`--device ${values.device}: must be one of ${devices.join(', ')}.`)

  const suite = await load(name)
  // The script runs at the root of the repository; a path is meant from where the command was given.
  const path = given ? resolve(process.env.INIT_CWD ?? process.cwd(), given) : findSharedData(suite.data)
  if (!path || !existsSync(path))
    throw new Error(
      given ? `There is no file or folder ${given}.` : `shared/data/${suite.data} is not here; name a path.`,
    )

  const adapter = values.device === 'webgpu' ? ` on ${await ensureWebGPU()}` : ''
  console.log(`${name}, device ${values.device}${adapter}: ${path}`)
  return report(suite.run({ path, device: values.device, ...(values.only && { only: values.only }) }))
}

async function usage(): Promise<void> {
  console.log(`${command('conformance')} <suite> [path] [--device ${devices.join('|')}] [--only group]\n\nsuites:`)
  for (const name of names) console.log(`  ${name.padEnd(14)} ${(await load(name)).description}`)
}

async function load(name: string): Promise<Suite> {
  return (await import(`./suites/${name}.ts`)) as Suite
}

function isDevice(name: string): name is DeviceName {
  return devices.some(device => device === name)
}
