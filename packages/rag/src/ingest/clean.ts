// Takes out of a text what nobody reads: control characters, soft hyphens, spaces at the ends of lines, rows of empty lines. Only
// removes, so that every place stays known.
import { type LoadedDocument, without } from './document.ts'

const NOISE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u200b\u2060\ufeff]+|[^\S\n]+(?=\n|$)|(?<=\n\n)\n+|^\s*\n|(?<=[^\n])\n+$/g

/** The document without noise; its places follow the text. */
export function clean(document: LoadedDocument): LoadedDocument {
  const cuts = [...document.text.matchAll(NOISE)].map(({ index, 0: text }) => [index, index + text.length] as const)
  return without(document, cuts)
}
