// The pages of the examples, read as a browser reads them: every module that one imports, and those that these import, is served.
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { afterEach, describe, expect, test } from 'vitest'
import { type ImportMap, importMap, servePage } from './serve-page.ts'

const built = (name: string) =>
  existsSync(fileURLToPath(new URL(`../../packages/${name}/dist/index.js`, import.meta.url)))
const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

/** What a module imports before it runs; what it may import later (`import()`) is left out. */
function importsOf(text: string): string[] {
  const file = ts.createSourceFile('module.js', text, ts.ScriptTarget.ESNext)
  return file.statements.flatMap(s =>
    (ts.isImportDeclaration(s) || ts.isExportDeclaration(s)) && s.moduleSpecifier
      ? [(s.moduleSpecifier as ts.StringLiteral).text]
      : [],
  )
}

function resolve(specifier: string, from: string, map: ImportMap): string {
  if (/^[./]/.test(specifier)) return new URL(specifier, from).href
  const scope = Object.keys(map.scopes).find(prefix => new URL(from).pathname.startsWith(prefix))
  const address = (scope && map.scopes[scope]![specifier]) ?? map.imports[specifier]
  if (!address) throw new Error(`'${specifier}' in ${new URL(from).pathname} is not in the import map`)
  return new URL(address, from).href
}

describe.each([
  ['rag-docs', ['rag']],
  ['tokenizer-playground', ['tokenizers']],
])('%s', (example, packages) => {
  const ready = packages.every(built)
  test.skipIf(!ready)(
    `every module of the page is served${ready ? '' : ' (skipped: packages not built)'}`,
    async () => {
      const { address, server } = await servePage({ folder: new URL(`../${example}/`, import.meta.url), packages })
      closing.push(() => server.close())
      const page = await (await fetch(address)).text()
      const map: ImportMap = JSON.parse(/<script type="importmap">(.*?)<\/script>/s.exec(page)![1]!)
      const script = /<script type="module">(.*?)<\/script>/s.exec(page)![1]!
      const waiting = importsOf(script).map(specifier => resolve(specifier, address, map))
      const seen = new Set<string>()
      for (let url = waiting.pop(); url; url = waiting.pop()) {
        if (seen.has(url)) continue
        seen.add(url)
        const response = await fetch(url)
        expect(response.status, url).toBe(200)
        expect(response.headers.get('content-type'), url).toMatch(/^text\/javascript/)
        const text = await response.text()
        waiting.push(...importsOf(text).map(specifier => resolve(specifier, url, map)))
      }
      const paths = [...seen].map(url => new URL(url).pathname)
      expect(paths).toContain('/lib/page.ts')
      for (const name of packages) expect(paths).toContain(`/packages/${name}/index.js`)
    },
  )
})

test('the map takes the siblings in, and gives each package its own platform', () => {
  const map = importMap(['rag', 'tokenizers'])
  expect(map.imports).toMatchObject({
    '@cairn/rag/ingest': '/packages/rag/ingest.js',
    '@cairn/wasm': '/packages/wasm/index.js',
  })
  const platforms = ['wasm', 'tokenizers'].map(name => map.scopes[`/packages/${name}/`]!['#platform'])
  expect(new Set(platforms).size).toBe(2)
  expect(platforms.join()).not.toContain('node')
})

test('no file outside of the page and the packages is served', async () => {
  const { address, server } = await servePage({
    folder: new URL('../rag-docs/', import.meta.url),
    packages: ['rag'],
    data: { '/data.json': '[1]' },
  })
  closing.push(() => server.close())
  expect(await (await fetch(`${address}data.json`)).json()).toEqual([1])
  for (const path of [
    '..%2flib%2frun.ts',
    'packages/rag/..%2f..%2f..%2fpackage.json',
    'lib/missing.ts',
    'lib',
    '__proto__',
  ])
    expect((await fetch(address + path)).status, path).toBe(404)
})
