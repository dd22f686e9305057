// The simplest words: what stands between white space.

/** The parts of a text between runs of white space. */
export function whitespaceWords(text: string): string[] {
  return text.split(/\s+/u).filter(word => word !== '')
}
