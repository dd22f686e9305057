// The inner loop: every test that runs in Node, on the sources, without a build. Long fuzzes (`*.slow.test.ts`) and browser
// tests (`*.browser.test.ts`) have configurations of their own. Tests run in forked processes, because the WebGPU device of
// the tests is set up through the environment of the process (tools/swiftshader.ts).
import { defineConfig } from 'vitest/config'
import { conditions, nodeConditions, nodeTests } from './tools/test-setup/resolve.ts'

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions: nodeConditions } },
  test: { ...nodeTests, pool: 'forks', setupFiles: ['./tools/test-setup/webgpu.ts'], testTimeout: 30_000 },
})
