// A server that plays recorded exchanges: each request must be the next one of the list, and gets its reply.

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'vitest'

export interface Exchange {
  /** `POST /path`. */
  readonly request: string
  /** What the body must hold at least; of a body of several lines, a list of what each does. */
  readonly body?: unknown
  readonly reply: unknown
  readonly status?: number
}

function bodyOf(text: string, type = ''): unknown {
  if (!type.includes('ndjson')) return JSON.parse(text)
  return text
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as unknown)
}

/** Starts the server. `end` says what went wrong, and that everything was asked. */
export async function replay(exchanges: readonly Exchange[]): Promise<{ url: string; end(): Promise<void> }> {
  const problems: unknown[] = []
  let next = 0
  const server = createServer(async (request, response) => {
    let text = ''
    for await (const part of request) text += part
    const exchange = exchanges[next++]
    try {
      expect(`${request.method} ${request.url}`).toBe(exchange?.request)
      if (exchange?.body !== undefined)
        expect(bodyOf(text, request.headers['content-type'])).toMatchObject(exchange.body as object)
    } catch (problem) {
      problems.push(problem)
    }
    response.writeHead(exchange?.status ?? 200, { 'content-type': 'application/json' })
    response.end(JSON.stringify(exchange?.reply ?? {}))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async end() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
      if (problems.length) throw problems[0]
      expect(next).toBe(exchanges.length)
    },
  }
}
