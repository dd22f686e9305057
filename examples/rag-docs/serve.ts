// A page that answers questions from Cairn's own docs and source; the index is made in the browser.
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { stripTypeScriptTypes } from 'node:module'
import { dirname, extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { corpus } from './lib/corpus.ts'

const types: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript', '.ts': 'text/javascript' }
const here = dirname(fileURLToPath(import.meta.url))
const rag = dirname(fileURLToPath(import.meta.resolve('@cairn/rag')))

/** The file of a path: a built package below `/packages/<name>`, else the page's own; undefined for any other. */
function fileOf(path: string): string | undefined {
  const clean = normalize(path)
  if (!(extname(clean) in types) || clean.includes('..')) return undefined
  const [, name, inner] = /^\/packages\/(\w+)\/(.+)$/.exec(clean) ?? []
  return name ? join(rag, '..', '..', name, 'dist', inner) : join(here, clean)
}

const files = JSON.stringify(await corpus())
const server = createServer(async (request, response) => {
  const { pathname } = new URL(request.url ?? '/', 'http://localhost')
  if (pathname === '/corpus.json') {
    response.writeHead(200, { 'Content-Type': 'application/json; charset=utf-8' }).end(files)
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
  response.end(extension === '.ts' ? stripTypeScriptTypes(text) : text)
})

server.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () => {
  const { port } = server.address() as { port: number }
  console.log(`Ask Cairn at http://127.0.0.1:${port}/ (Ctrl-C ends it).`)
})
