// The whole engine at work: a network that must really learn. Twelve passes over 8,000 digits, on the compiled device.
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const run = promisify(execFile)

test('an MLP reads at least 95% of held-out digits', { timeout: 180_000 }, async () => {
  const script = fileURLToPath(new URL('digits.ts', import.meta.url))
  const { stdout } = await run(process.execPath, ['--conditions=@cairn/source', script, '--device', 'wasm'])
  const rates = [...stdout.matchAll(/right on held-out digits ([\d.]+)%/g)].map(match => Number(match[1]))
  expect(rates).toHaveLength(12)
  expect(rates[rates.length - 1]).toBeGreaterThanOrEqual(95)
})
