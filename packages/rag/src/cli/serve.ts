// Search and answers over HTTP. Routes are a table; OpenAPI's description is made of it, so neither can say what the other does not.
import type { Server } from 'node:http'
import { answer } from '../answer/answer.ts'
import type { Generator } from '../answer/generator.ts'
import { retrieve } from '../answer/retrieve.ts'
import type { Embedder } from '../embedding/embedder.ts'
import { RagArgumentError } from '../errors.ts'
import type { Reranker } from '../rerank/reranker.ts'
import type { Filter } from '../stores/filter.ts'
import type { Access, Store } from '../stores/store.ts'

export interface ServeOptions {
  readonly port?: number
  readonly host?: string
  /** Who all requests are from: what they may see. Default: nobody. */
  readonly access?: Access
  readonly generator?: Generator
  /** Left out, the search is by words only. */
  readonly embedder?: Embedder
  readonly reranker?: Reranker
}

interface Route {
  readonly method: 'get' | 'post'
  readonly path: string
  readonly summary: string
  /** JSON schemas of the body's fields; those without `default` are required. */
  readonly body?: Readonly<
    Record<string, { readonly type: string; readonly description: string; readonly default?: unknown }>
  >
  handle(body: Record<string, unknown>): Promise<unknown>
}

const MAX_BODY = 1 << 20

/** The routes of a store. */
export function routesOf(store: Store, { access, generator, embedder, reranker }: ServeOptions): Route[] {
  const k = { type: 'integer', description: 'how many passages, at most 100', default: 10 }
  const filter = { type: 'object', description: 'a condition on metadata', default: null }
  const scope = (body: Record<string, unknown>) => ({
    k: Math.min(100, body.k as number),
    access,
    embedder,
    reranker,
    ...(body.filter != null && { filter: body.filter as Filter }),
  })
  return [
    { method: 'get', path: '/health', summary: 'What the index holds', handle: () => store.statistics() },
    {
      method: 'post',
      path: '/search',
      summary: 'The best passages for some words',
      body: { text: { type: 'string', description: 'what to search for' }, k, filter },
      handle: async body => ({ hits: await retrieve(store, body.text as string, scope(body)) }),
    },
    {
      method: 'post',
      path: '/ask',
      summary: 'An answer with checked citations',
      body: { question: { type: 'string', description: 'the question' }, k, filter },
      handle: body => answer(store, body.question as string, { ...scope(body), generator }),
    },
  ]
}

/** What the routes are, by OpenAPI 3.1. */
export function describe(routes: readonly Route[]): object {
  const paths: Record<string, Record<string, object>> = {}
  for (const { method, path, summary, body } of routes) {
    const required = Object.entries(body ?? {}).flatMap(([name, field]) => ('default' in field ? [] : [name]))
    const schema = { type: 'object', properties: body, required }
    paths[path] = {
      [method]: {
        summary,
        ...(body && { requestBody: { required: true, content: { 'application/json': { schema } } } }),
        responses: {
          200: { description: 'done', content: { 'application/json': {} } },
          ...(body && { 400: { description: 'a request that cannot be served: { error }' } }),
        },
      },
    }
  }
  return { openapi: '3.1.0', info: { title: 'rag', version: '1' }, paths }
}

/** The fields of a body, those left out as they are by default. @throws RagArgumentError */
function checked(route: Route, text: string): Record<string, unknown> {
  if (!route.body) return {}
  let given: unknown
  try {
    given = JSON.parse(text)
  } catch {
    throw new RagArgumentError(route.path, 'the body is not JSON', 'send an object')
  }
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw new RagArgumentError(route.path, 'the body is no object', 'send an object')
  const body = given as Record<string, unknown>
  const unknown = Object.keys(body).find(name => !Object.hasOwn(route.body!, name))
  if (unknown !== undefined)
    throw new RagArgumentError(
      route.path,
      `there is no field ${unknown}`,
      `there are ${Object.keys(route.body).join(', ')}`,
    )
  return Object.fromEntries(
    Object.entries(route.body).map(([name, field]) => {
      const value = body[name] ?? field.default
      const fits =
        field.type === 'integer'
          ? Number.isInteger(value)
          : value === null
            ? 'default' in field
            : typeof value === field.type
      if (!fits) throw new RagArgumentError(route.path, `${name} is not of type ${field.type}`, field.description)
      return [name, value]
    }),
  )
}

/** Serves a store. @throws what listening throws, as for a port that is taken */
export async function serve(
  store: Store,
  options: ServeOptions = {},
): Promise<{ url: string; close(): Promise<void> }> {
  const { createServer } = await import('node:http')
  const { port = 0, host = '127.0.0.1' } = options
  const routes = routesOf(store, options)
  const description = describe(routes)
  const server: Server = createServer(async (request, response) => {
    const reply = (status: number, value: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(value))
    }
    try {
      const { pathname } = new URL(request.url ?? '/', 'http://localhost')
      if (pathname === '/openapi.json') return reply(200, description)
      const here = routes.filter(({ path }) => path === pathname)
      const route = here.find(({ method }) => method === request.method?.toLowerCase())
      if (!route)
        return reply(here.length ? 405 : 404, { error: `there is no ${request.method} ${pathname}; see /openapi.json` })
      const parts: Buffer[] = []
      let size = 0
      for await (const part of request) {
        size += (part as Buffer).length
        if (size > MAX_BODY) {
          response.setHeader('connection', 'close')
          return reply(413, { error: `the body is larger than ${MAX_BODY} bytes` })
        }
        parts.push(part as Buffer)
      }
      reply(200, await route.handle(checked(route, Buffer.concat(parts).toString())))
    } catch (error) {
      if (error instanceof RagArgumentError) reply(400, { error: error.message })
      else {
        // What broke is for whoever runs it, not for whoever asks.
        console.error(error)
        reply(500, { error: 'the server failed' })
      }
    }
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  const address = server.address() as { port: number }
  return {
    url: `http://${host}:${address.port}/`,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
