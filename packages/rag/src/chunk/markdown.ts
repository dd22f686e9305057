// The blocks of a Markdown text with their places: as much of CommonMark as cutting needs. Code between fences is one block whatever
// is in it; so are tables, lists and quotes, as far as empty lines let them.

export interface MarkdownBlock {
  readonly kind: 'heading' | 'code' | 'text'
  readonly start: number
  /** Behind the line end of the last line. */
  readonly end: number
  /** Of headings: 1 to 6. */
  readonly level: number
  readonly title: string
}

const FENCE = /^ {0,3}(`{3,}|~{3,})/
const ATX = /^ {0,3}(#{1,6})(?:[ \t]+|$)/
const SETEXT = /^ {0,3}(=+|-+)[ \t]*$/

/** A heading's text without marks. */
function titleOf(line: string): string {
  const text = line.replace(ATX, '').trim()
  const bare = text.replace(/#+$/, '')
  const closed = bare === '' || /[ \t]$/.test(bare) ? bare.trim() : text
  return closed.replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/[`*]+/g, '')
}

/** The blocks in order; empty lines between them belong to none. */
export function markdownBlocks(text: string): MarkdownBlock[] {
  const blocks: MarkdownBlock[] = []
  let fence: { mark: string; start: number } | undefined
  let open = -1
  let openLines = 0
  const push = (kind: MarkdownBlock['kind'], start: number, end: number, level = 0, title = ''): void => {
    blocks.push({ kind, start, end, level, title })
  }
  const close = (end: number): void => {
    if (open >= 0) push('text', open, end)
    open = -1
    openLines = 0
  }
  for (let at = 0; at < text.length; ) {
    const stop = text.indexOf('\n', at)
    const next = stop < 0 ? text.length : stop + 1
    // What begins a block stands at the beginning of its line; the rest of a long one is not looked at.
    const line = text.slice(at, Math.min(next, at + 4096)).replace(/\r?\n$/, '')
    const mark = FENCE.exec(line)?.[1]
    if (fence) {
      if (mark && mark[0] === fence.mark[0] && mark.length >= fence.mark.length && line.trim() === mark) {
        push('code', fence.start, next)
        fence = undefined
      }
    } else if (mark) {
      close(at)
      fence = { mark, start: at }
    } else if (line.trim() === '') close(at)
    else if (ATX.test(line)) {
      close(at)
      push('heading', at, next, ATX.exec(line)![1].length, titleOf(line))
    } else if (open >= 0 && openLines === 1 && SETEXT.test(line)) {
      const start = open
      const title = titleOf(text.slice(start, Math.min(at, start + 4096)))
      open = -1
      openLines = 0
      push('heading', start, next, line.trim()[0] === '=' ? 1 : 2, title)
    } else {
      if (open < 0) open = at
      openLines++
    }
    at = next
  }
  if (fence) push('code', fence.start, text.length)
  else close(text.length)
  return blocks
}

export const markdownHeadings = (text: string): MarkdownBlock[] =>
  markdownBlocks(text).filter(({ kind }) => kind === 'heading')
