// Tests run on the sources (condition `@cairn/source`), so the inner loop never builds.
import { defineConfig } from 'vitest/config'

export default defineConfig({
  resolve: { conditions: ['@cairn/source', 'import', 'default'] },
  ssr: { resolve: { conditions: ['@cairn/source', 'import', 'node', 'default'] } },
  test: { include: ['packages/*/src/**/*.test.ts'], environment: 'node' },
})
