// What a user brings as a module: generators, embedders, rerankers, judges. A path is from where the command runs, anything else a package's name.
import type { SupportJudge } from '@cairn/metrics'
import type { Generator } from '../answer/generator.ts'
import type { Embedder } from '../embedding/embedder.ts'
import { RagError } from '../errors.ts'
import type { Reranker } from '../rerank/reranker.ts'

async function defaultOf(specifier: string): Promise<unknown> {
  const [{ pathToFileURL }, { resolve }, { existsSync }] = await Promise.all([
    import('node:url'),
    import('node:path'),
    import('node:fs'),
  ])
  const path = resolve(specifier)
  const isPath = /^[./]|\.[cm]?[jt]s$/.test(specifier) || existsSync(path)
  try {
    const { default: given } = (await import(isPath ? pathToFileURL(path).href : specifier)) as { default?: unknown }
    // What takes time to load is made when it is asked for.
    return typeof given === 'function' ? await given() : given
  } catch (error) {
    throw new RagError(`${specifier}: ${(error as Error).message}`, { cause: error })
  }
}

async function having<T>(specifier: string, method: keyof T & string, form: string): Promise<T> {
  const given = (await defaultOf(specifier)) as T | undefined
  if (typeof given?.[method] !== 'function')
    throw new RagError(
      `${specifier}: its default export has no method ${method}; export ${form}, or a function that gives one`,
    )
  return given
}

export const generatorOf = (specifier: string): Promise<Generator> =>
  having<Generator>(specifier, 'generate', 'an object { generate(messages) }')

export const rerankerOf = (specifier: string): Promise<Reranker> =>
  having<Reranker>(specifier, 'score', 'an object { score(query, passages) }')

export const judgeOf = (specifier: string): Promise<SupportJudge> =>
  having<SupportJudge>(specifier, 'score', 'an object { score(claim, evidence) }')

/** An embedder, and what it is known by. */
export async function embedderOf(specifier: string): Promise<Embedder & { readonly name: string }> {
  const embedder = await having<Embedder & { name?: unknown }>(
    specifier,
    'embed',
    'an object { dimensions, embed(texts, kind) }',
  )
  const { dimensions, name } = embedder
  if (!(Number.isInteger(dimensions) && dimensions >= 1))
    throw new RagError(`${specifier}: its dimensions is ${String(dimensions)}; give the length of its vectors`)
  return {
    name: typeof name === 'string' ? name : specifier,
    dimensions,
    embed: (texts, kind) => embedder.embed(texts, kind),
  }
}
