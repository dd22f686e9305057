// Files into an index, questions into answers whose citations name file and line. The same in Node and in a page.
import { type Answer, answer, documentChunker, documentInput, openMemoryStore, type Store } from '@cairn/rag'
import { fileOf, ingest } from '@cairn/rag/ingest'

export interface SourceFile {
  readonly path: string
  readonly text: string
}

/** Porter's stemmer needs no file beside the library, so a page can have it as it is. */
const analyzer = { language: 'porter' } as const

/** Markdown by its headings, code by its declarations; code can be told from prose by its format. */
export async function indexFiles(
  files: readonly SourceFile[],
  progress: (done: number) => void = () => {},
): Promise<Store> {
  const store = await openMemoryStore({ analyzer })
  const chunker = documentChunker({ size: 200 })
  let done = 0
  const inputs = files.map(({ path, text }) => fileOf(path, text))
  for await (const document of ingest(inputs, { onFile: () => progress(++done) }))
    await store.put([documentInput(document, await chunker(document))])
  return store
}

export interface Ask {
  /** Only prose, or only code. Default: both. */
  readonly format?: 'markdown' | 'code'
}

/** An answer in the words of the files, or none. */
export const askFiles = (store: Store, question: string, { format }: Ask = {}): Promise<Answer> =>
  answer(store, question, { analyzer, k: 8, ...(format && { filter: { field: 'format', is: format } }) })

export interface Citation {
  readonly number: number
  readonly path: string
  readonly line: number
  readonly quote: string
}

/** Where an answer's sentences stand. */
export const citationsOf = ({ claims }: Answer): Citation[] =>
  claims.flatMap(({ verdict, evidence }) =>
    verdict === 'supported' && evidence
      ? [
          {
            number: evidence.number,
            path: evidence.source ?? evidence.id,
            line: evidence.line ?? 1,
            quote: evidence.text,
          },
        ]
      : [],
  )
