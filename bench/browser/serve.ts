// Bundles the bench page from the sources and opens it in the machine's own Chromium, isolated, so that it has threads.

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { chromium } from 'playwright'
import { chromiumFlags, findChromium } from '../../tools/chromium.ts'
import type { PageBench } from './page.ts'

type Calls = { [K in keyof PageBench]: PageBench[K] }

export interface OpenPage extends Calls {
  close(): Promise<void>
}

/** @returns undefined where there is no Chromium */
export async function openBenchPage(): Promise<OpenPage | undefined> {
  const executablePath = findChromium()
  if (!executablePath) return undefined
  const { outputFiles } = await build({
    entryPoints: [join(fileURLToPath(new URL('.', import.meta.url)), 'page.ts')],
    bundle: true,
    splitting: true,
    format: 'esm',
    target: 'es2024',
    conditions: ['@cairn/source', 'browser'],
    outdir: '/',
    write: false,
    logLevel: 'silent',
  })
  const files = new Map(outputFiles.map(f => [f.path.replaceAll('\\', '/').replace(/^.*\//, '/'), f.text]))
  const server = createServer((request, response) => {
    const text = files.get(request.url ?? '')
    response.setHeader('Cross-Origin-Opener-Policy', 'same-origin')
    response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp')
    response.setHeader('Content-Type', text === undefined ? 'text/html' : 'text/javascript')
    response.end(text ?? '<!doctype html><title>bench</title><script type="module" src="/page.js"></script>')
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const browser = await chromium.launch({ executablePath, args: chromiumFlags, headless: true })
  const page = await browser.newPage()
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  await page.waitForFunction(() => 'bench' in globalThis)
  const call = <K extends keyof PageBench>(name: K) =>
    ((...args: unknown[]) =>
      page.evaluate(
        ([method, values]) =>
          (globalThis as never as { bench: Record<string, (...a: unknown[]) => unknown> }).bench[method]!(...values),
        [name, args] as const,
      )) as never as PageBench[K]
  return {
    start: call('start'),
    time: call('time'),
    longTasks: call('longTasks'),
    async close() {
      await browser.close()
      server.close()
    },
  }
}
