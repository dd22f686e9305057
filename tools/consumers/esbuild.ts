// A project bundled by esbuild for browsers: what a package costs, and that it costs nothing while nothing of it is used.
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { gzipSync } from 'node:zlib'
import { type BuildOptions, build } from 'esbuild'
import type { Project } from './project.ts'

async function bundle(project: Project, code: string, options: BuildOptions = {}): Promise<Uint8Array> {
  const { outputFiles } = await build({
    stdin: { contents: code, resolveDir: project.folder },
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    target: 'es2024',
    logLevel: 'silent',
    ...options,
  })
  return outputFiles![0]!.contents
}

const allOf = (specifiers: readonly string[]) => specifiers.map(name => `export * from '${name}'`).join('\n')
const everything = (project: Project) => allOf(project.specifiers)

/** Bundles for a browser with everything that it needs: no module of Node may be left in it. */
export async function bundlesForBrowsers(project: Project): Promise<void> {
  await bundle(project, everything(project), { external: ['webgpu'] })
}

/** A package that is imported but not used vanishes: the `sideEffects: false` of its package.json holds. */
export async function vanishesUnused(project: Project): Promise<void> {
  const imports = project.specifiers.map((name, i) => `import * as api${i} from '${name}'`).join('\n')
  const left = await bundle(project, `${imports}\nconsole.log('nothing')`, { external: ['webgpu'] })
  const text = new TextDecoder().decode(left).trim()
  if (text !== 'console.log("nothing");')
    throw new Error(`an unused import leaves ${text.length} bytes: ${text.slice(0, 300)}`)
}

/** Bytes of one export of a package and what it needs, minified and gzipped. */
export async function importSize(project: Project, name: string): Promise<number> {
  const [main] = project.specifiers
  return gzipSync(await bundle(project, `export { ${name} } from '${main}'`), { level: 9 }).length
}

/** Bytes of all that `specifiers` export, minified and gzipped, without `siblings` and Node's modules. */
export async function bundleSize(
  project: Project,
  siblings: readonly string[],
  specifiers: readonly string[] = project.specifiers,
): Promise<number> {
  const external = ['webgpu', 'node:*', ...siblings.flatMap(name => [name, `${name}/*`])]
  return gzipSync(await bundle(project, allOf(specifiers), { external }), { level: 9 }).length
}

/** Bytes, minified and gzipped, of what a bundler cuts a program into: what loads at once, and with each import that it makes later. */
export interface Loads {
  readonly atOnce: number
  /** everything that is there once a later import has loaded; by a name from \`names\` that the chunk's first file matches */
  readonly with: ReadonlyMap<string, number>
}

/**
 * What a page fetches that runs \`code\`.
 * @param names of later imports, each with the outside package or file that tells it from others
 */
export async function loadSizes(
  project: Project,
  code: string,
  siblings: readonly string[],
  later: Readonly<Record<string, (chunk: { readonly imports: readonly string[]; readonly entry: string }) => boolean>>,
): Promise<Loads> {
  const { outputFiles, metafile } = await build({
    stdin: { contents: code, resolveDir: project.folder },
    bundle: true,
    minify: true,
    write: false,
    splitting: true,
    metafile: true,
    outdir: project.folder,
    absWorkingDir: project.folder,
    format: 'esm',
    platform: 'browser',
    target: 'es2024',
    logLevel: 'silent',
    external: ['webgpu', 'node:*', ...siblings.flatMap(name => [name, `${name}/*`])],
  })
  const sizes = new Map(
    outputFiles.map(file => [relative(project.folder, file.path), gzipSync(file.contents, { level: 9 }).length]),
  )
  const chunks = Object.entries(metafile.outputs)
  /** A chunk and what it imports before it runs. */
  const closure = (name: string, found: Set<string>): Set<string> => {
    if (found.has(name) || !metafile.outputs[name]) return found
    found.add(name)
    for (const { path, kind } of metafile.outputs[name].imports) if (kind === 'import-statement') closure(path, found)
    return found
  }
  const total = (names: ReadonlySet<string>): number => [...names].reduce((n, name) => n + (sizes.get(name) ?? 0), 0)
  const [main] = chunks.find(([, chunk]) => chunk.entryPoint === '<stdin>')!
  const first = closure(main, new Set())
  const loads = new Map<string, number>()
  for (const [name, isIt] of Object.entries(later)) {
    const all = new Set(first)
    for (const [path, { entryPoint, imports }] of chunks)
      if (entryPoint && isIt({ entry: entryPoint, imports: imports.map(i => i.path) })) closure(path, all)
    if (all.size === first.size) throw new Error(`nothing is loaded later for ${name}`)
    loads.set(name, total(all))
  }
  return { atOnce: total(first), with: loads }
}

/** Bundles a program for Node and runs it. @returns what it prints */
export async function runBundled(project: Project, code: string): Promise<string> {
  const file = join(project.folder, 'bundled.mjs')
  writeFileSync(file, await bundle(project, code, { platform: 'node', external: ['webgpu'] }))
  return execFileSync(process.execPath, [file], { encoding: 'utf8', cwd: project.folder }).trim()
}
