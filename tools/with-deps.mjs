// Installs what a root script needs, then runs it: `node tools/with-deps.mjs <set> <command> [arguments...]`.
//
// This is the first file that runs in a fresh clone, so it is plain JavaScript without dependencies, for whatever Node
// started it; the command itself then finds the workspace's Node first in PATH. pnpm's own `verifyDepsBeforeRun: install`
// would install everything before any script: measured cold, 660 MB instead of the 250 MB that quickstart needs.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** What each set installs: the root with or without devDependencies, and workspaces with lockfiles of their own. */
const SETS = {
  run: { dev: false, also: [] },
  dev: { dev: true, also: [] },
  bench: { dev: true, also: ['bench'] },
  conformance: { dev: true, also: ['conformance'] },
  all: { dev: true, also: ['bench', 'conformance'] },
}

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const [name, command, ...args] = process.argv.slice(2)
const set = SETS[name]
if (!set || !command) throw new Error(`usage: with-deps.mjs ${Object.keys(SETS).join('|')} <command> [arguments...]`)

/** The pnpm that runs this script, if one does; turbo looks for it in PATH. */
const pnpmPath = /[\\/]pnpm(\.exe)?$/.test(process.env.npm_execpath ?? '') ? process.env.npm_execpath : null

const before = installed(root)
install(root, set.dev || before.dev ? [] : ['--prod'])
for (const workspace of set.also) install(join(root, workspace), [])

// On Linux the workspace brings its own Node; elsewhere the one at hand has to do.
if (!existsSync(join(root, 'node_modules', '.bin', 'node')) && Number.parseInt(process.versions.node, 10) < 24) {
  console.error(`Node 24 or newer is needed, and this is ${process.version}: get one from https://nodejs.org.`)
  process.exit(1)
}

const pathName = Object.keys(process.env).find(name => name.toUpperCase() === 'PATH') ?? 'PATH'
const path = [join(root, 'node_modules', '.bin'), pnpmPath && dirname(pnpmPath), process.env[pathName]]
const child = spawn(command, args, {
  stdio: 'inherit',
  shell: process.platform === 'win32',
  env: { ...process.env, [pathName]: path.filter(Boolean).join(delimiter), TURBO_TELEMETRY_DISABLED: '1' },
})
// Ctrl-C reaches the whole process group; the command may still want to save its work, so only it decides when to end.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => child.kill('SIGTERM'))
child.on('error', error => {
  console.error(error.message)
  process.exit(1)
})
child.on('exit', (code, signal) => {
  if (signal) {
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  } else process.exit(code ?? 1)
})

/** What pnpm noted after its last install in a folder. */
function installed(folder) {
  try {
    const state = JSON.parse(readFileSync(join(folder, 'node_modules', '.pnpm-workspace-state-v1.json'), 'utf8'))
    return { any: true, dev: state.settings.dev === true }
  } catch {
    return { any: false, dev: false }
  }
}

/** An install that has nothing to do takes about 50 ms and stays silent; one that has shows its progress. */
function install(folder, flags) {
  const quiet = installed(folder).any && pnpm(folder, ['install', ...flags, '--offline', '--frozen-lockfile'], 'ignore')
  if (!quiet && !pnpm(folder, ['install', ...flags], 'inherit')) {
    console.error(`The installation in ${folder} failed; its messages are above.`)
    process.exit(1)
  }
}

/** That pnpm, else one through npx. */
function pnpm(folder, args, output) {
  const [file, first, shell] = pnpmPath
    ? [pnpmPath, [], false]
    : ['npx', ['-y', 'pnpm@12'], process.platform === 'win32']
  return spawnSync(file, [...first, ...args], { cwd: folder, shell, stdio: ['ignore', output, output] }).status === 0
}
