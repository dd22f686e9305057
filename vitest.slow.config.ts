// `pnpm test:slow`: fuzzes and long trainings, files named `*.slow.test.ts`. They may take minutes each.
import { defineConfig } from 'vitest/config'
import { conditions, nodeConditions, slowTests } from './tools/test-setup/resolve.ts'

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions: nodeConditions } },
  test: { ...slowTests, pool: 'forks', setupFiles: ['./tools/test-setup/webgpu.ts'], testTimeout: 1_800_000 },
})
