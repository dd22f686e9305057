import { defineConfig } from 'tsup'

export default defineConfig({
  entry: ['src/index.ts', 'src/worker.ts', 'src/platform/node.ts', 'src/platform/web.ts'],
  // Chosen by the reader's runtime through the package's imports map, so it must stay an import.
  external: ['#platform'],
  format: ['esm'],
  dts: { entry: ['src/index.ts', 'src/worker.ts'] },
  clean: true,
  target: 'es2024',
  splitting: true,
})
