// A text that remembers where each of its characters came from. Normalizers and pre-tokenizers rewrite text; offsets
// must still point into what the user passed. Alignment follows the Rust library's NormalizedString in meaning: every
// character maps to a range of the original; an inserted character maps to the range of the one before it.
// Units are UTF-16 code units, in which JavaScript indexes strings.

/** One character of a rewritten text and how it stands to the old text: see {@link AlignedText.transform}. */
export type Change = readonly [char: string, change: number]

/** Is the unit at `i` the second half of a surrogate pair? */
export function isLowSurrogateAt(text: string, i: number): boolean {
  if (i <= 0 || i >= text.length) return false
  const low = text.charCodeAt(i)
  if (low < 0xdc00 || low > 0xdfff) return false
  const high = text.charCodeAt(i - 1)
  return high >= 0xd800 && high <= 0xdbff
}

export class AlignedText {
  /** The current text. */
  text: string
  /** The part of the original that this text stands for, in units of the original. */
  readonly originalStart: number
  readonly originalEnd: number
  // Ranges per unit of `text`. Absent means: unit i is unit originalStart + i of the original.
  private starts: Int32Array | undefined
  private ends: Int32Array | undefined

  // Whether ranges are kept at all. Without them only the text is right.
  readonly tracked: boolean

  constructor(text: string, originalStart = 0, originalEnd = originalStart + text.length, tracked = true) {
    this.text = text
    this.originalStart = originalStart
    this.originalEnd = originalEnd
    this.tracked = tracked
  }

  /** A text without alignment, for those who want only ids: every rewriting costs less. */
  static untracked(text: string): AlignedText {
    return new AlignedText(text, 0, text.length, false)
  }

  get isEmpty(): boolean {
    return this.text.length === 0
  }

  /** The range of the original that units [start, end) of the current text came from. */
  toOriginal(start: number, end: number): [number, number] {
    // An empty range has no alignment; the Rust library passes it through as it is.
    if (start >= end) return [this.originalStart + start, this.originalStart + end]
    const { starts, ends, text } = this
    if (starts && ends) return [starts[start], ends[end - 1]]
    const from = isLowSurrogateAt(text, start) ? start - 1 : start
    const to = isLowSurrogateAt(text, end) ? end + 1 : end
    return [this.originalStart + from, this.originalStart + to]
  }

  /** Units [start, end) as a text of its own, aligned to the same original. */
  slice(start: number, end: number): AlignedText {
    if (!this.tracked)
      return new AlignedText(this.text.slice(start, end), this.originalStart + start, this.originalEnd, false)
    const [from, to] = this.toOriginal(start, end)
    const part = new AlignedText(this.text.slice(start, end), from, to)
    if (this.starts && this.ends) {
      part.starts = this.starts.slice(start, end)
      part.ends = this.ends.slice(start, end)
    }
    return part
  }

  /** Writes the alignment out, so that it can be rearranged. */
  private materialize(): { starts: Int32Array; ends: Int32Array } {
    if (this.starts && this.ends) return { starts: this.starts, ends: this.ends }
    const { text, originalStart } = this
    const starts = new Int32Array(text.length)
    const ends = new Int32Array(text.length)
    for (let i = 0; i < text.length; ) {
      const size = isLowSurrogateAt(text, i + 1) ? 2 : 1
      starts.fill(originalStart + i, i, i + size)
      ends.fill(originalStart + i + size, i, i + size)
      i += size
    }
    this.starts = starts
    this.ends = ends
    return { starts, ends }
  }

  /**
   * Replaces units [start, end) by new characters. Each carries a change: 0 replaces one old character, 1 is inserted
   * after the last one, -n replaces one and removes the n that follow it. `removed` old characters are dropped first.
   */
  transform(changes: Iterable<Change>, removed = 0, start = 0, end = this.text.length): void {
    if (!this.tracked) {
      let image = ''
      for (const change of changes) image += change[0]
      this.text = this.text.slice(0, start) + image + this.text.slice(end)
      return
    }
    const { starts, ends } = this.materialize()
    const old = this.text
    const skip = (at: number) => (at >= end ? at : at + (isLowSurrogateAt(old, at + 1) ? 2 : 1))
    let at = start
    for (let i = 0; i < removed; i++) at = skip(at)
    let text = ''
    const newStarts: number[] = []
    const newEnds: number[] = []
    for (const [char, change] of changes) {
      let from = this.originalStart
      let to = this.originalStart
      if (change > 0) {
        if (at >= 1) {
          from = starts[at - 1]
          to = ends[at - 1]
        }
      } else {
        from = starts[at]
        to = ends[at]
        at = skip(at)
        for (let i = change; i < 0; i++) at = skip(at)
      }
      text += char
      for (let i = 0; i < char.length; i++) {
        newStarts.push(from)
        newEnds.push(to)
      }
    }
    if (start === 0 && end === old.length) {
      this.text = text
      this.starts = Int32Array.from(newStarts)
      this.ends = Int32Array.from(newEnds)
      return
    }
    this.text = old.slice(0, start) + text + old.slice(end)
    this.starts = splice(starts, start, end, newStarts)
    this.ends = splice(ends, start, end, newEnds)
  }

  /** Rewrites each character on its own: `map` gives what stands in its place, possibly nothing or several. */
  mapChars(map: (char: string) => string): void {
    if (!this.tracked) {
      let image = ''
      for (const char of this.text) image += map(char)
      this.text = image
      return
    }
    const changes: Change[] = []
    let removedFirst = 0
    let lastReplacement = -1
    let changed = false
    for (const char of this.text) {
      const image = map(char)
      if (image !== char) changed = true
      if (image === '') {
        if (lastReplacement < 0) removedFirst++
        else changes[lastReplacement] = [changes[lastReplacement][0], changes[lastReplacement][1] - 1]
        continue
      }
      lastReplacement = changes.length
      let first = true
      for (const c of image) {
        changes.push([c, first ? 0 : 1])
        first = false
      }
    }
    if (changed) this.transform(changes, removedFirst)
  }

  /** Lower case of a text that is all ASCII: characters change one for one, so the alignment stays. */
  lowerAscii(): void {
    this.text = this.text.toLowerCase()
  }

  /** Keeps the characters for which `keep` holds. */
  filter(keep: (char: string) => boolean): void {
    this.mapChars(char => (keep(char) ? char : ''))
  }

  /** Puts text before the first character, aligned to it. An empty text stays empty. */
  prepend(prefix: string): void {
    if (this.isEmpty || prefix === '') return
    if (!this.tracked) {
      this.text = prefix + this.text
      return
    }
    const first = String.fromCodePoint(this.text.codePointAt(0)!)
    const changes: Change[] = Array.from(prefix, (char, i) => [char, i === 0 ? 0 : 1] as const)
    changes.push([first, 1])
    this.transform(changes, 0, 0, first.length)
  }

  /** Puts text after the last character, aligned to it. An empty text stays empty. */
  append(suffix: string): void {
    if (this.isEmpty || suffix === '') return
    const start = this.text.length - (isLowSurrogateAt(this.text, this.text.length - 1) ? 2 : 1)
    const last = this.text.slice(start)
    this.transform([[last, 0], ...Array.from(suffix, char => [char, 1] as const)], 0, start)
  }

  /** Replaces every match by `content`, each of whose characters maps to the last character replaced. */
  replaceAll(matches: Iterable<readonly [start: number, end: number]>, content: string): void {
    const list = [...matches]
    if (list.length === 0) return
    const old = this.text
    if (!this.tracked) {
      let image = ''
      let done = 0
      for (const [start, end] of list) {
        image += old.slice(done, start) + content
        done = end
      }
      this.text = image + old.slice(done)
      return
    }
    const { starts, ends } = this.materialize()
    const removed = list.reduce((sum, [start, end]) => sum + end - start, 0)
    const length = old.length - removed + list.length * content.length
    const newStarts = new Int32Array(length)
    const newEnds = new Int32Array(length)
    const parts: string[] = []
    let from = 0
    let to = 0
    const keep = (until: number) => {
      parts.push(old.slice(from, until))
      newStarts.set(starts.subarray(from, until), to)
      newEnds.set(ends.subarray(from, until), to)
      to += until - from
    }
    for (const [start, end] of list) {
      keep(start)
      parts.push(content)
      newStarts.fill(end > 0 ? starts[end - 1] : this.originalStart, to, to + content.length)
      newEnds.fill(end > 0 ? ends[end - 1] : this.originalStart, to, to + content.length)
      to += content.length
      from = end
    }
    keep(old.length)
    this.text = parts.join('')
    this.starts = newStarts
    this.ends = newEnds
  }
}

function splice(old: Int32Array, start: number, end: number, middle: readonly number[]): Int32Array {
  const out = new Int32Array(old.length - (end - start) + middle.length)
  out.set(old.subarray(0, start))
  out.set(middle, start)
  out.set(old.subarray(end), start + middle.length)
  return out
}
