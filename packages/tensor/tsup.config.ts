import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { Plugin } from 'esbuild'
import { defineConfig } from 'tsup'
import manifest from './package.json' with { type: 'json' }

/** The subpaths that package.json exports, each from its source. */
const entries = Object.fromEntries(
  Object.entries(manifest.exports).map(([path, { '@cairn/source': source }]) => [
    path === '.' ? 'index' : path.slice(2),
    source,
  ]),
)

/**
 * What nearly every part of the engine needs, in groups. A bundler cuts a program by what its parts share, and would make a file of each of these, a dozen to
 * fetch, which compress badly (1.2 kB more with a backend). So whoever needs one of a group imports all of it, and it is one file.
 */
const groups = [
  ['errors', 'dtype', 'shape', 'load-later', 'debug', 'kernel/half', 'graph/remember'],
  ['kernel/dim', 'kernel/index-expr', 'kernel/ir', 'kernel/rewrite', 'kernel/depends'],
].map(group => group.map(name => resolve('src', `${name}.ts`)))

const together: Plugin = {
  name: 'together',
  setup(build) {
    const fileOf = (from: string, path: string): string => resolve(dirname(from), path)
    // an import without names stays only where it may have an effect
    build.onResolve({ filter: /\.ts$/ }, ({ importer, path: given }) => {
      const path = fileOf(importer, given)
      return groups.flat().includes(path) ? { path, sideEffects: true } : undefined
    })
    build.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8')
      const imported = [...text.matchAll(/^(?:import (?!type)|\} from ).*'(\..*)'/gm)].map(([, from]) =>
        fileOf(path, from),
      )
      const added = groups.filter(group => !group.includes(path) && group.some(file => imported.includes(file))).flat()
      return { loader: 'ts', contents: [...added.map(file => `import '${file}'\n`), text].join('') }
    })
  },
}

export default defineConfig({
  entry: { ...entries, 'files.node': 'src/io/files.node.ts', 'files.web': 'src/io/files.web.ts' },
  // Chosen by the reader's runtime through the package's imports map, so it must stay an import.
  external: ['#files'],
  format: ['esm'],
  dts: { entry: entries },
  clean: true,
  target: 'es2024',
  splitting: true,
  esbuildPlugins: [together],
})
