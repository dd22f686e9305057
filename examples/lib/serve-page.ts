// Serves the page of an example: its own folder, with the types stripped from its sources, and the built packages that it names
// below `/packages/<name>`. The import map is made from the packages' manifests, so that no page repeats what they say.
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { stripTypeScriptTypes } from 'node:module'
import type { AddressInfo } from 'node:net'
import { extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'

const types: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript', '.ts': 'text/javascript' }
const packagesFolder = fileURLToPath(new URL('../../packages/', import.meta.url))

/** The end of a manifest's conditions: a file, or further conditions. */
type Target = string | { readonly [condition: string]: Target }
interface Manifest {
  readonly exports: Record<string, Target>
  readonly imports?: Record<string, Target>
  readonly dependencies?: Record<string, string>
}

export interface ImportMap {
  readonly imports: Record<string, string>
  readonly scopes: Record<string, Record<string, string>>
}

const inBrowser = (target: Target): string => (typeof target === 'string' ? target : inBrowser(target.default!))

/** Where a browser finds these packages of the workspace, those that they depend on, and what they call `#...` among themselves. */
export function importMap(names: readonly string[]): ImportMap {
  const map: ImportMap = { imports: {}, scopes: {} }
  const waiting = [...names]
  const seen = new Set<string>()
  for (let name = waiting.pop(); name; name = waiting.pop()) {
    if (seen.has(name)) continue
    seen.add(name)
    const folder = `/packages/${name}/`
    const address = (target: Target) => inBrowser(target).replace('./dist/', folder)
    const manifest: Manifest = JSON.parse(readFileSync(join(packagesFolder, name, 'package.json'), 'utf8'))
    for (const [path, target] of Object.entries(manifest.exports))
      map.imports[`@cairn/${name}${path.slice(1)}`] = address(target)
    for (const [path, target] of Object.entries(manifest.imports ?? {})) {
      map.scopes[folder] ??= {}
      map.scopes[folder][path] = address(target)
    }
    const siblings = Object.keys(manifest.dependencies ?? {}).filter(d => d.startsWith('@cairn/'))
    waiting.push(...siblings.map(sibling => sibling.slice('@cairn/'.length)))
  }
  return map
}

export interface PageOptions {
  /** the folder of the page, with its index.html */
  readonly folder: URL
  /** packages of the workspace that the page imports, by the names of their folders */
  readonly packages: readonly string[]
  /** what the page fetches besides, by path: JSON */
  readonly data?: Record<string, string>
  /** default 0: any that is free */
  readonly port?: number
}

/**
 * Serves a page on this machine until the server is closed.
 * @returns its address and its server
 */
export async function servePage(options: PageOptions): Promise<{ address: string; server: Server }> {
  const { data = {}, port = 0 } = options
  const here = fileURLToPath(options.folder)
  const map = `<script type="importmap">${JSON.stringify(importMap(options.packages))}</script>`

  /** The file of a path: of a built package, or the page's own; undefined for any other. */
  const fileOf = (path: string): string | undefined => {
    const clean = normalize(path).replaceAll('\\', '/')
    if (!(extname(clean) in types) || clean.includes('..')) return undefined
    const [, name, inner] = /^\/packages\/([\w-]+)\/(.+)$/.exec(clean) ?? []
    return name ? join(packagesFolder, name, 'dist', inner!) : join(here, clean)
  }
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost')
    if (Object.hasOwn(data, pathname)) {
      response.writeHead(200, { 'Content-Type': 'application/json; charset=utf-8' }).end(data[pathname])
      return
    }
    const file = fileOf(pathname === '/' ? '/index.html' : pathname)
    const text = file && (await readFile(file, 'utf8').catch(() => undefined))
    if (!file || text === undefined) {
      response.writeHead(404).end()
      return
    }
    const extension = extname(file)
    response.writeHead(200, { 'Content-Type': `${types[extension]}; charset=utf-8` })
    if (extension === '.ts') response.end(stripTypeScriptTypes(text))
    else response.end(extension === '.html' ? text.replace('</head>', `${map}</head>`) : text)
  })
  await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve))
  return { address: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, server }
}
