// Cutting documents into passages.
import type { Chunker, SizeOptions } from './chunk.ts'
import { codeChunker } from './code.ts'
import { recursiveChunker } from './plain.ts'
import { structureChunker } from './structure.ts'

export {
  approximateTokens,
  type Chunk,
  type Chunker,
  type ChunkSource,
  type Count,
  type DocumentInputOptions,
  documentInput,
  type SizeOptions,
} from './chunk.ts'
export { codeChunker } from './code.ts'
export {
  type FixedOptions,
  fixedChunker,
  type ParentChildOptions,
  parentChildChunker,
  recursiveChunker,
  type SentenceWindowOptions,
  sentenceWindowChunker,
} from './plain.ts'
export { type SemanticOptions, semanticChunker } from './semantic.ts'
export { structureChunker } from './structure.ts'

/** By the document's format: code by its syntax, Markdown, HTML and DOCX by headings, everything else by paragraphs. */
export function documentChunker(options: SizeOptions = {}): Chunker {
  const [code, structure, recursive] = [codeChunker(options), structureChunker(options), recursiveChunker(options)]
  return document => {
    const { format = 'text' } = document
    switch (format) {
      case 'code':
        return code(document)
      case 'markdown':
      case 'html':
      case 'docx':
        return structure(document)
      case 'text':
      case 'pdf':
      case 'record':
        return recursive(document)
      default:
        return format satisfies never
    }
  }
}
