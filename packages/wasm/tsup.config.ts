import { writeFile } from 'node:fs/promises'
import { defineConfig } from 'tsup'
import { workerSource } from './src/pool/worker-source.ts'

export default defineConfig({
  entry: {
    index: 'src/index.ts',
    'platform.node': 'src/pool/platform.node.ts',
    'platform.web': 'src/pool/platform.web.ts',
  },
  // Chosen by the reader's runtime through the package's imports map, so it must stay an import.
  external: ['#platform'],
  format: ['esm'],
  dts: { entry: 'src/index.ts' },
  clean: true,
  target: 'es2024',
  splitting: true,
  // The worker's program as a file, for the option `workerUrl`.
  async onSuccess() {
    await writeFile('dist/worker.js', workerSource)
  },
})
