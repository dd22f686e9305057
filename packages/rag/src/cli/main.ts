// `rag index`, `search`, `ask`, `serve`, `eval`: the package from the command line, over one file on SQLite. Errors that a user can cause
// are one line on stderr and the status 1.
import { SingleBar } from 'cli-progress'
import { Command, CommanderError, InvalidArgumentError } from 'commander'
import { createAnalyzer } from '../analysis/analyzer.ts'
import { snippet } from '../analysis/highlight.ts'
import { answer } from '../answer/answer.ts'
import { retrieve } from '../answer/retrieve.ts'
import { RagError } from '../errors.ts'
import { openSqliteStore } from '../stores/sqlite/index.ts'
import type { Hit, Store } from '../stores/store.ts'
import { evaluateCollection, groundingRows, reportPage, systemRows } from './evaluate.ts'
import { indexFolder } from './index-folder.ts'
import { embedderOf, generatorOf, judgeOf, rerankerOf } from './modules.ts'
import { serve } from './serve.ts'

/** What the commands that ask have in common. */
interface Asking {
  db: string
  k: number
  embedder?: string
  reranker?: string
  as?: string[]
}

export interface Io {
  /** A line of results. */
  out(text: string): void
  /** A line for people: progress, errors. */
  err(text: string): void
  /** Whether progress may be drawn. */
  readonly interactive: boolean
  /** Ends a server. */
  readonly signal?: AbortSignal
}

const terminal: Io = {
  out: text => console.log(text),
  err: text => console.error(text),
  interactive: Boolean(process.stderr?.isTTY),
}

const whole =
  (least: number) =>
  (text: string): number => {
    const value = Number(text)
    if (!Number.isInteger(value) || value < least)
      throw new InvalidArgumentError(`give a whole number from ${least} up.`)
    return value
  }

const list = (text: string, before: string[] = []): string[] => [...before, text]

/** `file:line`, which terminals and editors open. */
const place = ({ source, id, metadata }: Pick<Hit, 'source' | 'id' | 'metadata'>): string => {
  const { line, page } = metadata
  return `${source ?? id}${typeof line === 'number' ? `:${line}` : ''}${typeof page === 'number' ? ` page ${page}` : ''}`
}

async function reading<T>(path: string, use: (store: Store) => Promise<T>): Promise<T> {
  const { access } = await import('node:fs/promises')
  await access(path).catch(() => {
    throw new RagError(`there is no index ${path}; make it with: rag index <folder> --db ${path}`)
  })
  await using store = await openSqliteStore(path, { readOnly: true })
  return await use(store)
}

/** The program. @returns the status of the process */
export async function main(args: readonly string[], io: Io = terminal): Promise<number> {
  const program = new Command('rag')
    .description('Find the right passage in a folder of documents, and prove it.')
    .exitOverride()
    .configureOutput({ writeOut: text => io.out(text.trimEnd()), writeErr: text => io.err(text.trimEnd()) })
  const db = ['--db <file>', 'the index', 'rag.db'] as const
  const as = ['--as <name>', 'who asks (repeat for several): sees what these names may see', list] as const

  const embedderOption = [
    '--embedder <module>',
    'a module whose default export has dimensions and embed(texts, kind)',
  ] as const
  const rerankerOption = ['--reranker <module>', 'a module whose default export has score(query, passages)'] as const
  const embedderFor = (options: { embedder?: string }) =>
    options.embedder === undefined ? undefined : embedderOf(options.embedder)
  const rerankerFor = (options: { reranker?: string }) =>
    options.reranker === undefined ? undefined : rerankerOf(options.reranker)

  program
    .command('index <folder>')
    .description('make an index hold what a folder holds: files that changed are read again, what is gone goes')
    .option(...db)
    .option('--include <glob>', 'only files that a glob fits (repeat for several)', list)
    .option('--exclude <glob>', 'not these files or folders (repeat for several)', list)
    .option('--size <tokens>', 'the largest passage, in tokens', whole(8), 256)
    .option('--for <name>', 'who may see these documents (repeat for several); default: everybody', list)
    .option(...embedderOption)
    .action(
      async (
        folder: string,
        options: {
          db: string
          include?: string[]
          exclude?: string[]
          size: number
          for?: string[]
          embedder?: string
        },
      ) => {
        const embedder = await embedderFor(options)
        const bar = io.interactive
          ? new SingleBar({ format: '{bar} {value}/{total} {file}', clearOnComplete: true })
          : undefined
        let stopped = false
        const stop = () => {
          if (!stopped) bar?.stop()
          stopped = true
        }
        try {
          await using store = await openSqliteStore(options.db, { dimensions: embedder?.dimensions })
          const { include, exclude, size } = options
          const report = await indexFolder(store, folder, {
            include,
            exclude,
            size,
            principals: options.for,
            embedder,
            embedderName: embedder?.name,
            started: total => bar?.start(total, 0, { file: '' }),
            file: path => bar?.increment(1, { file: path }),
          })
          stop()
          for (const error of report.leftOut) io.err(`left out: ${error.message}`)
          for (const { id, of } of report.duplicates) io.err(`left out: ${id}: nearly the same as ${of}`)
          const { documents, chunks } = await store.statistics()
          const stayed = report.unchanged ? `, ${report.unchanged} files unchanged` : ''
          const went = report.removed ? `, ${report.removed} documents removed` : ''
          io.out(
            `${report.documents} documents of ${report.files} files read, ${report.leftOut.length + report.duplicates.length} left out${stayed}${went}; ${options.db} holds ${documents} documents, ${chunks} passages`,
          )
        } finally {
          stop()
        }
      },
    )

  program
    .command('search <query>')
    .description('the passages that have most of some words; with an embedder also those that mean the same')
    .option(...db)
    .option('-k <count>', 'how many', whole(1), 5)
    .option(...embedderOption)
    .option(...rerankerOption)
    .option(...as)
    .option('--json', 'as JSON lines')
    .action((query: string, options: Asking & { json?: boolean }) =>
      reading(options.db, async store => {
        const hits = await retrieve(store, query, {
          k: options.k,
          access: options.as,
          embedder: await embedderFor(options),
          reranker: await rerankerFor(options),
        })
        const analyzer = await createAnalyzer()
        for (const hit of hits) {
          if (options.json) io.out(JSON.stringify(hit))
          else {
            const { text, start, marks } = snippet(hit.text, analyzer.terms(query), analyzer, 240)
            const at = start + (marks[0]?.start ?? 0)
            const line = Number(hit.metadata.line) + hit.text.slice(0, at).split('\n').length - 1
            const where = place(Number.isNaN(line) ? hit : { ...hit, metadata: { ...hit.metadata, line } })
            io.out(`${where}  (${hit.score.toFixed(2)})\n  ${text.replace(/\s+/g, ' ').trim()}`)
          }
        }
        if (hits.length === 0) io.err('nothing found')
      }),
    )

  program
    .command('ask <question>')
    .description('an answer with citations; without a generator, sentences are quoted')
    .option(...db)
    .option('-k <count>', 'how many passages are read', whole(1), 10)
    .option('--budget <tokens>', 'of all passages together', whole(100), 2000)
    .option('--generator <module>', 'a module whose default export has generate(messages)')
    .option(...embedderOption)
    .option(...rerankerOption)
    .option(...as)
    .option('--json', 'as JSON')
    .action((question: string, options: Asking & { budget: number; generator?: string; json?: boolean }) =>
      reading(options.db, async store => {
        const generator = options.generator === undefined ? undefined : await generatorOf(options.generator)
        const result = await answer(store, question, {
          k: options.k,
          access: options.as,
          context: { budget: options.budget },
          generator,
          embedder: await embedderFor(options),
          reranker: await rerankerFor(options),
        })
        if (options.json) return io.out(JSON.stringify(result))
        if (result.abstained) return io.out(`No answer: ${result.abstained}.`)
        io.out(result.text)
        const cited = new Map(
          result.claims.flatMap(({ verdict, evidence }) =>
            verdict === 'supported' && evidence ? [[evidence.number, evidence]] : [],
          ),
        )
        for (const [number, evidence] of [...cited].sort(([a], [b]) => a - b))
          io.out(
            `[${number}] ${place({ ...evidence, metadata: evidence.line === undefined ? {} : { line: evidence.line } })}`,
          )
      }),
    )

  program
    .command('serve')
    .description('search and answers over HTTP, described at /openapi.json')
    .option(...db)
    .option('--port <number>', 'the port; 0 for any', whole(0), 8484)
    .option('--host <name>', 'the address to listen at', '127.0.0.1')
    .option('--generator <module>', 'a module whose default export has generate(messages)')
    .option(...embedderOption)
    .option(...rerankerOption)
    .option(...as)
    .action((options: Omit<Asking, 'k'> & { port: number; host: string; generator?: string }) =>
      reading(options.db, async store => {
        const generator = options.generator === undefined ? undefined : await generatorOf(options.generator)
        const { port, host, as: access } = options
        const embedder = await embedderFor(options)
        const reranker = await rerankerFor(options)
        const server = await serve(store, { port, host, access, generator, embedder, reranker })
        io.out(`${server.url} (Ctrl-C ends it), described at ${server.url}openapi.json`)
        await new Promise<void>(resolve => {
          if (io.signal?.aborted) resolve()
          io.signal?.addEventListener('abort', () => resolve(), { once: true })
          process.once('SIGINT', () => resolve())
        })
        await server.close()
      }),
    )

  program
    .command('eval <corpus> <queries> <qrels>')
    .description('how well a test collection is searched (TREC, SMART or BEIR), with a page')
    .option('--report <file>', 'an HTML page with every query')
    .option('--language <name>', 'stemmer and stop words', 'english')
    .option(...embedderOption)
    .option(...rerankerOption)
    .option(
      '--judge <module>',
      'answers are judged: a module whose default export has score(claim, evidence), from 0 to 1',
    )
    .option('--generator <module>', 'who writes the answers that are judged; default: sentences are quoted')
    .option('--questions <count>', 'how many queries are answered and judged; default: all', whole(1))
    .action(
      async (
        corpus: string,
        queries: string,
        qrels: string,
        options: {
          report?: string
          language: string
          embedder?: string
          reranker?: string
          judge?: string
          generator?: string
          questions?: number
        },
      ) => {
        const { readFile, writeFile } = await import('node:fs/promises')
        const { gunzipSync } = await import('node:zlib')
        const { judge, generator, questions } = options
        if (judge === undefined && (generator ?? questions) !== undefined)
          throw new RagError('answers are written to be judged: give --judge, or leave out --generator and --questions')
        const read = async (path: string): Promise<string> => {
          const bytes = await readFile(path)
          return (bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes).toString()
        }
        const bar = io.interactive
          ? new SingleBar({ format: '{bar} {value}/{total} answers', clearOnComplete: true })
          : undefined
        const judging = judge === undefined ? undefined : await judgeOf(judge)
        const grounding = judging && {
          judge: judging,
          generator: generator === undefined ? undefined : await generatorOf(generator),
          questions,
          judged: (done: number, total: number) => (done === 1 ? bar?.start(total, done) : bar?.update(done)),
        }
        const result = await evaluateCollection(await read(corpus), await read(queries), await read(qrels), {
          language: options.language,
          embedder: await embedderFor(options),
          reranker: await rerankerFor(options),
          grounding,
        }).finally(() => bar?.stop())
        const show = (rows: readonly string[][], width: number): void => {
          for (const cells of rows)
            io.out(
              cells
                .map(cell => cell.padEnd(width))
                .join(' ')
                .trimEnd(),
            )
        }
        io.out(`${result.documents} documents, ${result.queries.length} judged queries`)
        show(systemRows(result), 11)
        if (result.grounding) show(groundingRows(result.grounding), 17)
        if (options.report) {
          await writeFile(options.report, reportPage(result))
          io.out(`the page: ${options.report}`)
        }
      },
    )

  try {
    await program.parseAsync([...args], { from: 'user' })
    return 0
  } catch (error) {
    // Commander has said what was wrong.
    if (error instanceof CommanderError) return error.exitCode
    if (!isUsers(error)) throw error
    io.err(`rag: ${error.message}`)
    return 1
  }
}

/** Whether an error tells a user what they can change: ours, and the file system's. */
const isUsers = (error: unknown): error is Error =>
  error instanceof RagError || error instanceof RangeError || (error instanceof Error && 'syscall' in error)
