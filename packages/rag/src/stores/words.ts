// Search by words as a collection needs it: passages by number, and a set of numbers that may be found.

import { Analyzer, type AnalyzerOptions, createAnalyzer } from '../analysis/analyzer.ts'
import type { Selection } from '../dense/selection.ts'
import type { Bm25Options } from '../lexical/bm25.ts'
import { LexicalIndex } from '../lexical/lexical-index.ts'

export interface WordsOptions {
  /** How texts become terms: options, or an analyzer. Default: English. */
  readonly analyzer?: AnalyzerOptions | Analyzer
  readonly bm25?: Bm25Options
}

/** An index of words over numbered passages. */
export class Words {
  index: LexicalIndex
  private readonly options: { readonly analyzer: Analyzer; readonly bm25: Bm25Options | undefined }
  /** 1 for a passage that is there. */
  private present = new Uint8Array(64)

  constructor(options: { readonly analyzer: Analyzer; readonly bm25: Bm25Options | undefined }) {
    this.options = options
    this.index = new LexicalIndex(options)
  }

  has(row: number): boolean {
    return this.present[row] === 1
  }

  /** Numbers of removed passages may come back. */
  add(row: number, text: string): void {
    this.index.add({ id: String(row), text })
    this.note(row)
  }

  private note(row: number): void {
    if (row >= this.present.length) {
      const larger = new Uint8Array(2 * row)
      larger.set(this.present)
      this.present = larger
    }
    this.present[row] = 1
  }

  remove(row: number): void {
    if (!this.has(row)) return
    this.index.delete(String(row))
    this.present[row] = 0
  }

  /** The best passages, best first; those without any of the words are none. */
  search(text: string, k: number, among: Selection | undefined): { id: number; score: number }[] {
    const accept = among && ((id: string) => among.mask[Number(id)] === 1)
    return this.index.search(text, { k, accept }).map(({ id, score }) => ({ id: Number(id), score }))
  }

  /** Forgets everything and holds what some segments hold. @throws RagFormatError */
  load(segments: Iterable<Uint8Array>): void {
    this.index = LexicalIndex.load(segments, this.options)
    this.present.fill(0)
    for (const id of this.index.ids()) this.note(Number(id))
  }
}

/** Makes an empty index of words for some options. */
export async function wordsOf({ analyzer, bm25 }: WordsOptions): Promise<() => Words> {
  const made = analyzer instanceof Analyzer ? analyzer : await createAnalyzer(analyzer)
  return () => new Words({ analyzer: made, bm25 })
}
