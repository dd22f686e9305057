import { defineConfig } from 'tsup'

export default defineConfig({
  entry: { index: 'src/index.ts', sqlite: 'src/stores/sqlite/index.ts' },
  format: ['esm'],
  dts: true,
  clean: true,
  target: 'es2024',
  splitting: true,
})
