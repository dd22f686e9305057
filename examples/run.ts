// Runs an example by name: `npx -y pnpm@12 example train-char --device wasm`. The name is a path below this folder without `.ts`,
// or the last part of one, so `train-char` finds `05-training/train-char.ts`; without a name the examples are listed.
// Examples import the packages as a user would, built: turbo builds those that they need, and nothing that is unchanged.
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { command } from '../tools/command.ts'

const here = dirname(fileURLToPath(import.meta.url))
const [name, ...args] = process.argv.slice(2)

const all = findExamples()
const hits = name ? all.filter(example => example === name || example.endsWith(`/${name}`)) : []

if (hits.length !== 1) {
  const listing = all.map(example => `  ${example.padEnd(34)} ${describe(example)}`).join('\n')
  if (!name) console.log(`${command('example')} <name> [options]\n\n${listing}`)
  else if (hits.length) console.error(`'${name}' means several examples: ${hits.join(', ')}.`)
  else console.error(`There is no example '${name}'. The examples are:\n${listing}`)
  process.exit(name ? 1 : 0)
}

buildPackages()
const script = join(here, `${hits[0]}.ts`)
process.argv = [process.argv[0], script, ...args]
await import(pathToFileURL(script).href)

/** Scripts one or two folders deep, tests and files with a leading underscore (shared helpers) aside. */
function findExamples(): string[] {
  return readdirSync(here, { recursive: true, encoding: 'utf8' })
    .map(path => path.replaceAll('\\', '/'))
    .filter(path => /^([\w-]+\/){1,2}[a-z\d][\w-]*\.ts$/.test(path) && !/(^|\/)(node_modules|out|lib)\//.test(path))
    .map(path => path.slice(0, -'.ts'.length))
    .sort()
}

/** The first comment line of the file: every example says there what it shows. */
function describe(example: string): string {
  return /^\/\/ ?(.*)/.exec(readFileSync(join(here, `${example}.ts`), 'utf8'))?.[1] ?? ''
}

function buildPackages(): void {
  const turbo = ['run', 'build', '--filter=examples^...', '--output-logs=errors-only', '--log-order=grouped']
  const built = spawnSync('turbo', turbo, {
    cwd: join(here, '..'),
    encoding: 'utf8',
    shell: process.platform === 'win32',
  })
  if (built.status !== 0) {
    console.error(`${built.stdout ?? ''}${built.stderr ?? ''}${built.error?.message ?? ''}`)
    console.error(`The packages could not be built, so ${relative(process.cwd(), here) || 'examples'} cannot run.`)
    process.exit(1)
  }
}
