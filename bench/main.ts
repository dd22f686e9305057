// `pnpm bench [name] [args...] [--device d] [--json] [--check | --record]`: runs one bench, or all of them, and sets each figure beside what
// the machine allows. With --json the results alone go to standard output, progress to standard error. --check compares the ratios
// with those recorded in ratios.json, --record writes them there.
import { readdirSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { command } from '../tools/command.ts'
import { ensureWebGPU } from '../tools/webgpu.ts'
import { type Bench, type DeviceName, devices, type Measurement, shareOfLimit } from './bench.ts'
import { recorded, recordRatios, regressions, unrecorded } from './ratios.ts'

const folder = join(dirname(fileURLToPath(import.meta.url)), 'benches')
const names = readdirSync(folder)
  .filter(file => file.endsWith('.ts') && !file.endsWith('.test.ts'))
  .map(file => file.slice(0, -'.ts'.length))
  .sort()

try {
  process.exitCode = await main()
} catch (error) {
  console.error(process.env.CAIRN_DEBUG ? error : error instanceof Error ? error.message : String(error))
  process.exitCode = 1
}

async function main(): Promise<number> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      device: { type: 'string', short: 'd', default: 'wasm' },
      json: { type: 'boolean', default: false },
      check: { type: 'boolean', default: false },
      record: { type: 'boolean', default: false },
      small: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) {
    await usage()
    return 0
  }
  const [name, ...args] = values.small ? [...positionals, 'small'] : positionals
  if (values.check && values.record) throw new Error('--check and --record: one of them.')
  if (values.check && Object.keys(recorded()).length === 0)
    throw new Error(`--check: no ratios are recorded; run ${command('bench', '--record')} on a quiet machine first.`)
  if (name && !names.includes(name))
    throw new Error(`There is no bench '${name}'; there are: ${names.join(', ') || 'none yet'}.`)
  const { device } = values
  if (!isDevice(device)) throw new Error(`--device ${device}: must be one of ${devices.join(', ')}.`)

  const adapter = device === 'webgpu' ? await ensureWebGPU() : undefined
  const [busy = 0] = loadavg()
  const threads = cpus().length
  const machine = { cpu: cpus()[0]?.model ?? 'unknown', threads, load: busy, node: process.version, device, adapter }
  const say = values.json ? console.error : console.log
  const where = `${device}${adapter ? ` on ${adapter}` : ''}`
  say(`${machine.cpu}, ${threads} threads, load ${busy.toFixed(1)}, Node ${machine.node}, ${where}`)

  const results: (Measurement & { bench: string })[] = []
  for (const bench of name ? [name] : names) {
    say(`\n${bench}`)
    for await (const measurement of (await load(bench)).run({ device, args })) {
      results.push({ bench, ...measurement, share: shareOfLimit(measurement) })
      say(`  ${line(measurement)}`)
    }
  }
  if (values.json) console.log(JSON.stringify({ machine, results }, null, 2))
  if (values.record) say(`\n${recordRatios(results)} ratios recorded`)
  if (values.check) {
    const worse = regressions(results)
    for (const text of unrecorded(results)) say(`not recorded: ${text}`)
    for (const text of worse) say(`REGRESSION ${text}`)
    return worse.length ? 1 : 0
  }
  return results.some(missed) ? 1 : 0
}

function line(measurement: Measurement): string {
  const { name, value, unit, limit, spread, target } = measurement
  const share = shareOfLimit(measurement)
  const figure = `${figures(value)} ${unit}`.padEnd(18)
  const noise = spread === undefined ? '' : `+-${(100 * spread).toFixed(0)}%`.padEnd(7)
  const against = limit && share !== undefined ? `${share.toFixed(2)} of ${limit.name} (${figures(limit.value)})` : ''
  const verdict = missed(measurement) ? `  MISSED: ${target} wanted` : ''
  return `${name.padEnd(44)} ${figure} ${noise}${against}${verdict}`
}

/** Four significant figures, without an exponent. */
function figures(value: number): string {
  return value >= 1000 ? value.toFixed(0) : Number(value.toPrecision(4)).toString()
}

function missed(measurement: Measurement): boolean {
  const share = shareOfLimit(measurement)
  return measurement.target !== undefined && share !== undefined && share < measurement.target
}

async function usage(): Promise<void> {
  console.log(
    `${command('bench')} [name] [args...] [--device ${devices.join('|')}] [--json] [--small] [--check | --record]\n\nbenches:`,
  )
  for (const name of names) console.log(`  ${name.padEnd(14)} ${(await load(name)).description}`)
}

async function load(name: string): Promise<Bench> {
  return (await import(`./benches/${name}.ts`)) as Bench
}

function isDevice(name: string): name is DeviceName {
  return devices.some(device => device === name)
}
