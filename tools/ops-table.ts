// docs/ops.md: what each op can do on each device, made of the op table and the names of the tests that hold it to it.
//   node tools/ops-table.ts          writes the table
//   node tools/ops-table.ts --check  fails where the file is not what it should be
// An op is what the table of methods has, what index.ts exports from ops/, and what the index.ts of each subpath exports from its own folder. Its
// tests are those that checkOp makes; which of them there are says what is supported, so nothing is claimed that no test runs. An op without a
// test is an error.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root, run } from './pack.ts'

const sources = join(root, 'packages', 'tensor', 'src')
const document = join(root, 'docs', 'ops.md')

export const devices = ['reference', 'wasm', 'webgpu'] as const
export const modes = ['forward', 'backward', 'jvp', 'vmap'] as const
type Device = (typeof devices)[number]
type Mode = (typeof modes)[number]

/** Folders with ops, and where they are imported from; the first one's are methods, too. */
const surfaces: Readonly<Record<string, string>> = {
  ops: '@cairn/tensor',
  functional: '@cairn/tensor/functional',
  special: '@cairn/tensor/special',
  linalg: '@cairn/tensor/linalg',
  fft: '@cairn/tensor/fft',
}

/** Functions that make a tensor of numbers: they have no operand to be differentiated. */
const made: ReadonlySet<string> = new Set(['fftfreq', 'rfftfreq', 'hannWindow', 'hammingWindow', 'blackmanWindow'])

export interface Op {
  readonly name: string
  /** which of `surfaces` has it */
  readonly folder: string
  /** the file in the folder that has it */
  readonly family: string
  /** another op that is the same function */
  readonly same: string | null
  /** reads values, so its result is no part of a graph and no transform takes it */
  readonly reads: boolean
}

export interface Listed {
  /** 'group > op > title [device]' */
  readonly name: string
  readonly file: string
}

/** What tests say of an op: the devices of each mode, and the file that says so. */
export interface Support {
  readonly op: Op
  readonly modes: Readonly<Record<Mode, ReadonlySet<Device>>>
  readonly file: string | null
}

/** The ops of the public surface, by the folders and files that have them. */
export async function publicOps(): Promise<Op[]> {
  const load = (file: string): Promise<Record<string, unknown>> => import(pathToFileURL(join(sources, file)).href)
  const { opTable } = (await load('ops/methods.ts')) as { opTable: Record<string, unknown> }
  const found = new Map<string, Op>()
  for (const folder of Object.keys(surfaces)) {
    const surface = await load(folder === 'ops' ? 'index.ts' : `${folder}/index.ts`)
    const isPublic = (name: string, value: unknown) =>
      typeof value === 'function' && (surface[name] === value || (folder === 'ops' && opTable[name] === value))
    const first = new Map<unknown, string>()
    const files = readdirSync(join(sources, folder)).filter(f => f.endsWith('.ts') && !f.endsWith('.test.ts'))
    for (const file of files.sort()) {
      const family = basename(file, '.ts')
      if (family === 'methods' || family === 'index') continue
      for (const [name, value] of Object.entries(await load(`${folder}/${file}`))) {
        const key = keyOf(folder, name)
        if (!isPublic(name, value) || found.has(key) || made.has(name)) continue
        const reads = value!.constructor.name === 'AsyncFunction'
        found.set(key, { name, folder, family, same: first.get(value) ?? null, reads })
        if (!first.has(value)) first.set(value, name)
      }
    }
  }
  const order = Object.keys(surfaces)
  return [...found.values()].sort(
    (a, b) =>
      order.indexOf(a.folder) - order.indexOf(b.folder) ||
      a.family.localeCompare(b.family) ||
      a.name.localeCompare(b.name),
  )
}

const keyOf = (folder: string, name: string): string => `${folder}/${name}`

/** The tests of all folders with ops, collected without running them. */
export function listedTests(): Listed[] {
  const file = join(tmpdir(), `cairn-ops-${process.pid}.json`)
  const folders = Object.keys(surfaces).map(folder => relative(root, join(sources, folder)))
  run('vitest', ['list', '--no-static-parse', `--json=${file}`, ...folders])
  return (JSON.parse(readFileSync(file, 'utf8')) as Listed[]).map(t => ({
    name: t.name,
    file: relative(root, t.file).replaceAll('\\', '/'),
  }))
}

/** Titles of checkOp's tests, and what each shows. */
const titles: readonly (readonly [RegExp, (device: Device) => readonly (readonly [Mode, Device])[]])[] = [
  [/^(agrees with|takes)/, device => [['forward', device]]],
  [/^first derivatives/, () => [['backward', 'reference']]],
  [/^forward mode/, device => [['jvp', device]]],
  [/^under vmap/, device => [['vmap', device]]],
]

/** Which op a test is about: the innermost group that begins with the name of one, else the innermost that mentions one. */
function opOf(groups: readonly string[], names: ReadonlySet<string>): string | null {
  const words = groups.map(g => g.split(/[^A-Za-z0-9]+/))
  for (let i = words.length - 1; i >= 0; i--) if (names.has(words[i][0])) return words[i][0]
  for (let i = words.length - 1; i >= 0; i--) {
    const word = words[i].find(w => names.has(w))
    if (word) return word
  }
  return null
}

export function supportOf(ops: readonly Op[], tests: readonly Listed[]): Support[] {
  const names = new Set(ops.map(o => o.name))
  const found = new Map(
    ops.map(op => [
      keyOf(op.folder, op.name),
      {
        op,
        file: null as string | null,
        modes: Object.fromEntries(modes.map(m => [m, new Set()])) as unknown as Record<Mode, Set<Device>>,
      },
    ]),
  )
  for (const { name, file } of tests) {
    const groups = name.split(' > ')
    const title = groups.pop()!
    const device = devices.find(d => title.includes(`[${d}]`))
    const [, shows] = titles.find(([begins]) => begins.test(title)) ?? []
    const op = opOf(groups, names)
    if (!device || !shows || !op) continue
    // two folders may have ops of one name: the test's own folder first
    const entry = found.get(keyOf(basename(dirname(file)), op)) ?? [...found.values()].find(e => e.op.name === op)!
    // the test beside the op, if there is one
    if (!entry.file || basename(file) === `${entry.op.family}.test.ts`) entry.file = file
    for (const [mode, on] of shows(device)) entry.modes[mode].add(on)
  }
  // gradients are compared by the tests of values, wherever there is a derivative at all
  for (const { modes: m } of found.values()) if (m.backward.size) m.forward.forEach(d => m.backward.add(d))
  for (const entry of found.values()) {
    // one function under two names is tested under one of them
    const other = [...found.values()].find(
      o => o.file && o.op.folder === entry.op.folder && (o.op.name === entry.op.same || o.op.same === entry.op.name),
    )
    if (!entry.file && other) Object.assign(entry, { file: other.file, modes: other.modes })
  }
  return [...found.values()]
}

const header = `# Ops

What each op of \`@cairn/tensor\` can do on each device: **f** values, **b** gradients (of gradients too), **j** forward mode
(\`jvp\`), **v** \`vmap\` with its gradients. A letter stands where a test holds the op to it; a dash, where the op is not
differentiable. On \`reference\` derivatives are compared with finite differences in double precision.

Made by \`node tools/ops-table.ts\` from the op table and the tests; do not edit.
`

const letters: Readonly<Record<Mode, string>> = { forward: 'f', backward: 'b', jvp: 'j', vmap: 'v' }

export function tableOf(support: readonly Support[]): string {
  const cell = (s: Support, device: Device): string =>
    modes.map(m => (s.modes[m].has(device) ? letters[m] : '-')).join(' ')
  const lines: string[] = [header]
  for (const [folder, from] of Object.entries(surfaces)) {
    const there = support.filter(s => s.op.folder === folder)
    lines.push(`## ${from}\n`)
    lines.push(...familiesOf(there, cell))
  }
  return lines.join('\n')
}

function familiesOf(support: readonly Support[], cell: (s: Support, device: Device) => string): string[] {
  const lines: string[] = []
  for (const family of new Set(support.map(s => s.op.family))) {
    const own = support.filter(s => s.op.family === family)
    lines.push(
      `### ${family}\n`,
      `| op | ${devices.join(' | ')} | test |`,
      `| --- | ${devices.map(() => '---').join(' | ')} | --- |`,
    )
    for (const s of own)
      lines.push(
        `| \`${s.op.name}\` | ${devices.map(d => cell(s, d)).join(' | ')} | [${basename(s.file!)}](../${s.file}) |`,
      )
    lines.push('')
  }
  return lines
}

/** The text of docs/ops.md. @throws naming the ops that no test is about */
export async function opsDocument(): Promise<string> {
  const ops = await publicOps()
  const support = supportOf(
    ops.filter(o => !o.reads),
    listedTests(),
  )
  const without = support.filter(s => !s.file).map(s => s.op.name)
  if (without.length) throw new Error(`ops without a checkOp test beside them: ${without.join(', ')}`)
  const reading = ops.filter(o => o.reads).map(o => `\`${o.name}\``)
  return `${tableOf(support)}\n## Reads\n\nResults that depend on values in their shape or kind are promises and have no transforms: ${reading.join(', ')}.\n`
}

/** @throws where docs/ops.md is not what the op table and the tests say */
export async function checkOpsDocument(): Promise<void> {
  const wanted = await opsDocument()
  const given = readFileSync(document, 'utf8')
  if (wanted === given) return
  const lines = given.split('\n')
  const other = wanted.split('\n').find((line, i) => line !== lines[i])
  throw new Error(`docs/ops.md is not current, at: ${other ?? 'its end'}\nRun: node tools/ops-table.ts`)
}

if (import.meta.main) {
  if (process.argv.includes('--check')) await checkOpsDocument()
  else writeFileSync(document, await opsDocument())
}
