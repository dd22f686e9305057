// Tests in a real browser, files named `*.browser.test.ts`: the machine's own Chromium, headless, with WebGPU on and the
// page isolated, so that SharedArrayBuffer and worker threads are there. `tools/test.ts` skips them where there is none.
import { playwright } from '@vitest/browser-playwright'
import { defineConfig } from 'vitest/config'
import { chromiumFlags, findChromium } from './tools/chromium.ts'
import { browserConditions, browserTests } from './tools/test-setup/resolve.ts'

const executablePath = findChromium()
if (!executablePath && !process.argv.includes('list'))
  throw new Error('No Chromium found: install one, or name it in CHROME_PATH.')

export default defineConfig({
  resolve: { conditions: browserConditions },
  server: {
    headers: { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' },
  },
  test: {
    ...browserTests,
    testTimeout: 60_000,
    browser: {
      enabled: true,
      headless: true,
      screenshotFailures: false,
      provider: playwright({ launchOptions: { executablePath, args: chromiumFlags } }),
      instances: [{ browser: 'chromium' }],
    },
  },
})
