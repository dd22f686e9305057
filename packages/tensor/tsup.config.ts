import { defineConfig } from 'tsup'
import manifest from './package.json' with { type: 'json' }

/** The subpaths that package.json exports, each from its source. */
const entries = Object.fromEntries(
  Object.entries(manifest.exports).map(([path, { '@cairn/source': source }]) => [
    path === '.' ? 'index' : path.slice(2),
    source,
  ]),
)

export default defineConfig({
  entry: { ...entries, 'files.node': 'src/io/files.node.ts', 'files.web': 'src/io/files.web.ts' },
  // Chosen by the reader's runtime through the package's imports map, so it must stay an import.
  external: ['#files'],
  format: ['esm'],
  dts: { entry: entries },
  clean: true,
  target: 'es2024',
  splitting: true,
})
