import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const installed = existsSync(new URL('../node_modules/@cairn', import.meta.url))

test.skipIf(!installed)(
  `docs/onnx.md is what the table says${installed ? '' : ' (skipped: run pnpm conformance once)'}`,
  async () => {
    const { documentPath, onnxDocument } = await import('./document.ts')
    expect(readFileSync(documentPath, 'utf8'), 'run pnpm docs:onnx').toBe(onnxDocument())
  },
)
