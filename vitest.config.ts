// Tests run on the sources (condition `@cairn/source`), so the inner loop never builds.
// They run in forked processes: the WebGPU device of the tests is set up through the environment (tools/swiftshader.ts).
import { defineConfig } from 'vitest/config'

export default defineConfig({
  resolve: { conditions: ['@cairn/source', 'import', 'default'] },
  ssr: { resolve: { conditions: ['@cairn/source', 'import', 'node', 'default'] } },
  test: {
    include: ['packages/*/src/**/*.test.ts', 'tools/**/*.test.ts'],
    exclude: ['**/*.browser.test.ts', '**/node_modules/**', '**/dist/**'],
    environment: 'node',
    pool: 'forks',
    setupFiles: ['./tools/test-setup/webgpu.ts'],
  },
})
