// An empty project of a user, with packed packages installed by npm from their tarballs.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { apart } from '../import-rules.ts'
import { type Packed, run } from '../pack.ts'

export interface Project {
  folder: string
  /** The packages that the project asked for, without those that came along. */
  packages: readonly Packed[]
  /** Every specifier that these export: `@cairn/tensor`, `@cairn/tensor/linalg`, ... */
  specifiers: readonly string[]
  /** Those and what stands apart (`import-rules.ts`): for Node only. */
  nodeSpecifiers: readonly string[]
}

/** Makes a project in `folder` with `packages` and, since none of them is published yet, their siblings. */
export function makeProject(folder: string, packages: readonly Packed[], all: readonly Packed[]): Project {
  mkdirSync(folder, { recursive: true })
  const tarballs = closure(packages, all).map(({ manifest, tarball }) => [manifest.name, `file:${tarball}`])
  write(folder, 'package.json', {
    name: 'consumer',
    private: true,
    type: 'module',
    dependencies: Object.fromEntries(tarballs),
  })
  run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'], folder)
  const pathsOf = ({ manifest }: Packed) =>
    // A path with an extension is a file to be fetched.
    Object.keys(manifest.exports).filter(path => !/\.\w+$/.test(path) && !path.includes('*'))
  const nodeSpecifiers = packages.flatMap(packed => pathsOf(packed).map(path => packed.manifest.name + path.slice(1)))
  const specifiers = packages.flatMap(packed =>
    pathsOf(packed)
      .filter(path => !apart[packed.name]?.includes(path))
      .map(path => packed.manifest.name + path.slice(1)),
  )
  return { folder, packages, specifiers, nodeSpecifiers }
}

/** The packages and every sibling that they depend on, directly or not. */
function closure(packages: readonly Packed[], all: readonly Packed[]): Packed[] {
  const found = new Set(packages)
  for (const { manifest } of found) {
    const wanted = { ...manifest.dependencies, ...manifest.peerDependencies }
    for (const sibling of all) if (sibling.manifest.name in wanted) found.add(sibling)
  }
  return [...found]
}

/** Writes a file of the project, text as it is and anything else as JSON. */
export function write(folder: string, path: string, content: unknown): string {
  const file = join(folder, path)
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content, null, 2))
  return file
}
