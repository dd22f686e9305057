// Chunkers that need no structure: a fixed number of tokens, and paragraphs, sentences, words as far as they fit.
import { sentences } from '@cairn/text'
import { wordSpans } from '../analysis/words.ts'
import { RagArgumentError } from '../errors.ts'
import {
  assemble,
  between,
  type Chunk,
  type Chunker,
  characters,
  checkSize,
  chunksOf,
  fits,
  merge,
  type SizeOptions,
  type Stretch,
  take,
} from './chunk.ts'

/** Words with what follows them; a word that does not fit is divided. */
function words(text: string, [start, end]: Stretch, sized: Required<SizeOptions>): Stretch[] {
  const spans = wordSpans(text.slice(start, end))
  const starts: number[] = []
  for (let i = 0; i < spans.length; i += 2) starts.push(start + spans[i])
  return between(start, end, starts).flatMap(word =>
    fits(text, word, sized) ? [word] : merge(text, characters(text, word), sized),
  )
}

/** How a stretch that does not fit is divided, the coarsest first. Stretches touch. */
const levels: readonly ((text: string, stretch: Stretch, sized: Required<SizeOptions>) => Stretch[])[] = [
  (text, [start, end]) => between(start, end, matchEnds(text, start, end, /\n[^\S\n]*\n\s*/g)),
  (text, [start, end]) => between(start, end, matchEnds(text, start, end, /\n/g)),
  (text, [start, end]) =>
    between(
      start,
      end,
      sentences(text.slice(start, end)).map(sentence => start + sentence.start),
    ),
  words,
]

function* matchEnds(text: string, start: number, end: number, pattern: RegExp): Generator<number> {
  for (const { index, 0: found } of text.slice(start, end).matchAll(pattern)) yield start + index + found.length
}

/** A stretch as pieces of a size, divided where it harms least. */
export function divide(text: string, stretch: Stretch, sized: Required<SizeOptions>, level = 0): Stretch[] {
  if (fits(text, stretch, sized)) return [stretch]
  const pieces = levels[level](text, stretch, sized)
  if (level + 1 === levels.length) return merge(text, pieces, sized)
  return assemble(text, pieces, sized, piece => divide(text, piece, sized, level + 1))
}

export interface FixedOptions extends SizeOptions {
  /** How much of a chunk is in the next one again, as counted. Default 0. */
  readonly overlap?: number
}

/** Chunks of as many whole words as fit into `size`, whatever they say. */
export function fixedChunker(options: FixedOptions = {}): Chunker {
  const sized = checkSize('fixedChunker', options)
  const { overlap = 0 } = options
  if (!(overlap >= 0 && overlap < sized.size))
    throw new RagArgumentError(
      'fixedChunker',
      `overlap is ${overlap}`,
      `give a number from 0 to below size, ${sized.size}`,
    )
  return ({ text }) => {
    const pieces = words(text, [0, text.length], sized)
    const stretches: Stretch[] = []
    for (let first = 0; first < pieces.length; ) {
      const end = first + take(text, pieces, first, sized)
      stretches.push([pieces[first][0], pieces[end - 1][1]])
      if (end === pieces.length) break
      let next = end
      while (
        next - 1 > first &&
        overlap &&
        fits(text, [pieces[next - 1][0], pieces[end - 1][1]], { ...sized, size: overlap })
      )
        next--
      first = next
    }
    return chunksOf(text, stretches)
  }
}

/** Paragraphs as far as they fit; a longer one by lines, then sentences, then words. */
export function recursiveChunker(options: SizeOptions = {}): Chunker {
  const sized = checkSize('recursiveChunker', options)
  return ({ text }) => chunksOf(text, divide(text, [0, text.length], sized))
}

/** Sentences; one that does not fit is divided. */
export function sentenceStretches(text: string, sized: Required<SizeOptions>): Stretch[] {
  return levels[2](text, [0, text.length], sized).flatMap(sentence => divide(text, sentence, sized, 3))
}

export interface SentenceWindowOptions extends SizeOptions {
  /** Sentences before and behind that are read with one that is found. Default 3. */
  readonly window?: number
}

/** Each sentence for itself, with the sentences around it as its context. */
export function sentenceWindowChunker(options: SentenceWindowOptions = {}): Chunker {
  const sized = checkSize('sentenceWindowChunker', options)
  const { window = 3 } = options
  if (!(Number.isInteger(window) && window >= 0))
    throw new RagArgumentError('sentenceWindowChunker', `window is ${window}`, 'give a whole number from 0 up')
  return ({ text }) => {
    const chunks = chunksOf(text, sentenceStretches(text, sized))
    return chunks.map((chunk, i) =>
      withContext(
        chunk,
        chunks[Math.max(0, i - window)].span[0],
        chunks[Math.min(chunks.length - 1, i + window)].span[1],
      ),
    )
  }
}

const withContext = (chunk: Chunk, contextStart: number, contextEnd: number): Chunk => ({
  ...chunk,
  metadata: { ...chunk.metadata, contextStart, contextEnd },
})

export interface ParentChildOptions {
  /** What is read. */
  readonly parent: Chunker
  /** What is searched: cuts each parent. */
  readonly child: Chunker
}

/** Small chunks that are found, each with the larger one that it is part of as its context. */
export function parentChildChunker({ parent, child }: ParentChildOptions): Chunker {
  return async document => {
    const children: Chunk[] = []
    for (const { text, span, metadata } of await parent(document)) {
      for (const inner of await child({ ...document, text, places: undefined })) {
        const [start, end] = [inner.span[0] + span[0], inner.span[1] + span[0]] as const
        const own = { text: inner.text, span: [start, end] as const, metadata: { ...metadata, ...inner.metadata } }
        children.push(withContext(own, ...span))
      }
    }
    return children
  }
}
