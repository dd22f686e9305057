// Packs the packages as they would be published: built, without the `@cairn/source` condition (publishConfig in each
// package.json replaces `exports` and `imports`), with workspace ranges made real, and with the LICENSE of the root.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { extract } from 'tar-fs'

export interface Manifest {
  name: string
  version: string
  exports: Record<string, unknown>
  imports?: Record<string, unknown>
  dependencies?: Record<string, string>
  peerDependencies?: Record<string, string>
  peerDependenciesMeta?: Record<string, { optional?: boolean }>
}

export interface Packed {
  /** The name without its scope, which is also the folder below `packages`. */
  name: string
  /** The manifest inside the tarball. */
  manifest: Manifest
  tarball: string
  /** Paths of the files inside. */
  files: string[]
  /** Bytes of the tarball. */
  size: number
}

export const root = join(dirname(fileURLToPath(import.meta.url)), '..')

/** The names of all packages. */
export const packageNames = readdirSync(join(root, 'packages')).filter(name =>
  existsSync(join(root, 'packages', name, 'package.json')),
)

/** Builds and packs packages and the siblings that they depend on, into `folder`, which is emptied first. */
export async function packAll(folder: string, names: readonly string[] = packageNames): Promise<Packed[]> {
  const wanted = new Set(names)
  for (const name of wanted) {
    const manifest = JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8')) as Manifest
    const dependencies = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })
    for (const sibling of packageNames) if (dependencies.includes(`@cairn/${sibling}`)) wanted.add(sibling)
  }
  run('turbo', ['run', 'build', ...[...wanted].map(name => `--filter=@cairn/${name}`), '--output-logs=errors-only'])
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  return Promise.all([...wanted].map(name => pack(name, folder)))
}

async function pack(name: string, folder: string): Promise<Packed> {
  const output = run('pnpm', ['pack', '--json', '--pack-destination', folder], join(root, 'packages', name))
  const { filename, size, files } = JSON.parse(output.slice(output.indexOf('{'))) as {
    filename: string
    size: number
    files: { path: string }[]
  }
  const tarball = join(folder, filename.split(/[\\/]/).at(-1) ?? filename)
  return { name, manifest: await manifestIn(tarball), tarball, files: files.map(file => file.path), size }
}

async function manifestIn(tarball: string): Promise<Manifest> {
  const folder = `${tarball}.unpacked`
  await new Promise((done, fail) =>
    extract(folder)
      .on('finish', done)
      .on('error', fail)
      .end(gunzipSync(readFileSync(tarball))),
  )
  return JSON.parse(readFileSync(join(folder, 'package', 'package.json'), 'utf8')) as Manifest
}

/** Runs a program to its end; an error carries everything that it printed. */
export function run(command: string, args: readonly string[], cwd = root): string {
  try {
    return execFileSync(command, args, {
      cwd,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      shell: process.platform === 'win32',
    })
  } catch (error) {
    const { stdout = '', stderr = '', message } = error as Error & { stdout?: string; stderr?: string }
    throw new Error(`${command} ${args.join(' ')}\n${`${stdout}${stderr}`.trim() || message}`)
  }
}
