import { defineConfig } from 'tsup'

export default defineConfig({
  entry: { index: 'src/index.ts', 'files.node': 'src/io/files.node.ts', 'files.web': 'src/io/files.web.ts' },
  // Chosen by the reader's runtime through the package's imports map, so it must stay an import.
  external: ['#files'],
  format: ['esm'],
  dts: { entry: 'src/index.ts' },
  clean: true,
  target: 'es2024',
  splitting: true,
})
