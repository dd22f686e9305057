// A project bundled by esbuild for browsers: what a package costs, and that it costs nothing while nothing of it is used.
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

const everything = (project: Project) => project.specifiers.map(name => `export * from '${name}'`).join('\n')

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

/** Bytes of all that the packages of the project export, minified and gzipped, without `siblings` and Node's modules. */
export async function bundleSize(project: Project, siblings: readonly string[]): Promise<number> {
  const external = ['webgpu', 'node:*', ...siblings.flatMap(name => [name, `${name}/*`])]
  return gzipSync(await bundle(project, everything(project), { external }), { level: 9 }).length
}
