// A page that shows any text as tokens, coloured, with their offsets; drop a tokenizer.json on it.
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { stripTypeScriptTypes } from 'node:module'
import { dirname, extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'

const types: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript', '.ts': 'text/javascript' }
const here = dirname(fileURLToPath(import.meta.url))
const library = dirname(fileURLToPath(import.meta.resolve('@cairn/tokenizers')))

/** The file of a path: the built library below `/library`, else the page's own; undefined for any other. */
function fileOf(path: string): string | undefined {
  const clean = normalize(path)
  if (!(extname(clean) in types) || clean.includes('..')) return undefined
  return clean.startsWith('/library/') ? join(library, clean.slice('/library'.length)) : join(here, clean)
}

const server = createServer(async (request, response) => {
  const { pathname } = new URL(request.url ?? '/', 'http://localhost')
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
  console.log(`The playground is at http://127.0.0.1:${port}/ (Ctrl-C ends it).`)
})
