import { defineConfig } from 'tsup'
import manifest from './package.json' with { type: 'json' }

/** The subpaths that package.json exports, each from its source. */
const entries = Object.entries(manifest.exports).map(([path, { '@cairn/source': source }]) => [
  path === '.' ? 'index' : path.slice(2),
  source,
])

export default defineConfig({
  entry: { ...Object.fromEntries(entries), rag: 'src/cli/bin.ts' },
  format: ['esm'],
  // node:sqlite is known by that name only.
  removeNodeProtocol: false,
  dts: true,
  clean: true,
  target: 'es2024',
  splitting: true,
})
