// A project served and built by Vite and opened in Chromium: the packages load there, and tensors compute, both in an
// isolated page (shared memory, worker threads) and in one without the headers for it (a single thread).
import { join } from 'node:path'
import { type Browser, chromium } from 'playwright'
import { build, createServer, type InlineConfig, preview } from 'vite'
import { chromiumFlags } from '../chromium.ts'
import { type Project, write } from './project.ts'

const HEADERS = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' }

/** What the page found out, by way of `globalThis.result`. */
interface Result {
  isolated: boolean
  exports: Record<string, number>
  sum?: number
}

export async function openBrowser(executablePath: string): Promise<Browser> {
  return chromium.launch({ executablePath, args: chromiumFlags })
}

/** Writes the page: it loads every package and, with tensor among them, computes on the `wasm` device. */
export function writePage(project: Project): void {
  const lines = project.specifiers.map((name, i) => `import * as api${i} from '${name}'`)
  const counts = project.specifiers.map((name, i) => `'${name}': Object.keys(api${i}).length`)
  const tensor = project.specifiers.indexOf('@cairn/tensor')
  const compute = `
    await api${tensor}.setDefaultDevice('wasm')
    const x = api${tensor}.tensor([[1, 2], [3, 4]])
    const sum = await x.matmul(x).sum().item()`
  lines.push(
    'globalThis.result = (async () => {',
    tensor < 0 ? '' : compute,
    `return { isolated: crossOriginIsolated, exports: { ${counts.join(', ')} }${tensor < 0 ? '' : ', sum'} }`,
    '})()',
    'globalThis.result.catch(() => {})',
  )
  write(project.folder, 'page.js', lines.join('\n'))
  write(
    project.folder,
    'index.html',
    '<!doctype html><title>consumer</title><link rel="icon" href="data:,"><script type="module" src="/page.js"></script>',
  )
}

const config = (project: Project, headers: Record<string, string>): InlineConfig => ({
  root: project.folder,
  configFile: false,
  logLevel: 'error',
  cacheDir: join(project.folder, '.vite'),
  build: { target: 'esnext', emptyOutDir: true },
  server: { host: '127.0.0.1', port: 0, headers, watch: null, hmr: false },
  preview: { host: '127.0.0.1', port: 0, headers },
})

/** The page from the development server, isolated. */
export async function runsInDevelopment(project: Project, browser: Browser): Promise<void> {
  const server = await createServer(config(project, HEADERS))
  try {
    await server.listen()
    expectResult(project, await visit(browser, server.resolvedUrls!.local[0]!), true)
  } finally {
    await server.close()
  }
}

/** The built page, isolated or not. */
export async function runsBuilt(project: Project, browser: Browser, isolated: boolean): Promise<void> {
  const settings = config(project, isolated ? HEADERS : {})
  await build(settings)
  const server = await preview(settings)
  try {
    expectResult(project, await visit(browser, server.resolvedUrls!.local[0]!), isolated)
  } finally {
    await server.close()
  }
}

async function visit(browser: Browser, url: string): Promise<Result> {
  const page = await browser.newPage()
  const mistakes: string[] = []
  page.on('pageerror', error => mistakes.push(String(error)))
  page.on('console', message => {
    if (message.type() === 'error') mistakes.push(message.text())
  })
  try {
    await page.goto(url)
    await page.waitForFunction('globalThis.result !== undefined', undefined, { timeout: 20_000 })
    return (await page.evaluate('globalThis.result')) as Result
  } catch (error) {
    throw new Error([error instanceof Error ? error.message : String(error), ...mistakes].join('\n'))
  } finally {
    await page.close()
  }
}

function expectResult(project: Project, result: Result, isolated: boolean): void {
  const empty = project.specifiers.filter(name => !result.exports[name])
  if (empty.length) throw new Error(`${empty.join(', ')}: nothing exported`)
  if (result.isolated !== isolated) throw new Error(`crossOriginIsolated is ${result.isolated}`)
  if (project.specifiers.includes('@cairn/tensor') && result.sum !== 54)
    throw new Error(`sum of [[1, 2], [3, 4]] squared is ${result.sum}, not 54`)
}
