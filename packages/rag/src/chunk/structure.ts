// Chunks that keep to a document's own structure: nothing reaches from under one heading to under another, and code, tables and lists
// stay whole while they fit.
import {
  assemble,
  type Chunk,
  type Chunker,
  type ChunkSource,
  checkSize,
  chunksOf,
  type SizeOptions,
  type Stretch,
} from './chunk.ts'
import { markdownBlocks } from './markdown.ts'
import { divide } from './plain.ts'

interface Section {
  readonly stretch: Stretch
  readonly headings: readonly string[]
}

/** By Markdown's own blocks, or by the headings that a loader gave to places (HTML, DOCX). */
export function structureChunker(options: SizeOptions = {}): Chunker {
  const sized = checkSize('structureChunker', options)
  return document =>
    document.format === 'markdown'
      ? cutMarkdown(document.text, sized)
      : sectionsOf(document).flatMap(section => cutSection(document.text, section, sized))
}

function cutMarkdown(text: string, sized: Required<SizeOptions>): Chunk[] {
  const open: { level: number; title: string }[] = []
  const chunks: Chunk[] = []
  let blocks: Stretch[] = []
  let onlyHeadings = true
  const close = (): void => {
    const headings = open.map(({ title }) => title)
    const pieces = assemble(text, blocks, sized, block => divide(text, block, sized))
    chunks.push(...chunksOf(text, pieces, headings.length ? { headings } : undefined))
    blocks = []
    onlyHeadings = true
  }
  let from = 0
  for (const { kind, level, title, end } of markdownBlocks(text)) {
    if (kind === 'heading') {
      // Headings that follow each other stay together with the text below them.
      if (!onlyHeadings) close()
      while (open.length && open[open.length - 1].level >= level) open.pop()
      open.push({ level, title })
    } else onlyHeadings = false
    blocks.push([from, end])
    from = end
  }
  close()
  return chunks
}

/** Stretches under the same headings. */
function sectionsOf({ text, places = [] }: ChunkSource): Section[] {
  const sections: Section[] = []
  const starts: { at: number; headings: readonly string[] }[] = []
  for (const { start, headings = [] } of places)
    if (headings.join('\n') !== starts.at(-1)?.headings.join('\n')) starts.push({ at: start, headings })
  if (starts[0]) starts[0].at = 0
  starts.forEach(({ at, headings }, i) => {
    sections.push({ stretch: [at, starts[i + 1]?.at ?? text.length], headings })
  })
  return sections.length ? sections : [{ stretch: [0, text.length], headings: [] }]
}

const cutSection = (text: string, { stretch, headings }: Section, sized: Required<SizeOptions>): Chunk[] =>
  chunksOf(text, divide(text, stretch, sized), headings.length ? { headings } : undefined)
