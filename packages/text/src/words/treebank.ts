// Words as the Penn Treebank has them (Marcus et al. 1993): punctuation stands alone, contractions are cut in two, quotes
// become `` and ''. Meant for one English sentence at a time: only its last period is cut off.

/** Rewriting rules, applied in this order; a space between two things makes them two words. */
const rules: readonly (readonly [pattern: RegExp, replacement: string])[] = [
  // Opening quotes: at the start, and after a space or bracket.
  [/^"/g, '`` '],
  [/(``)/g, ' $1 '],
  [/([ ([{<])("|'')/g, '$1 `` '],
  // Commas and colons, but not inside numbers.
  [/([:,])(?=\D|$)/g, ' $1 '],
  [/\.\.\./g, ' ... '],
  [/[;@#$%&?!]/g, ' $& '],
  // The period that ends the text, with the quotes and brackets behind it.
  [/([^.])(\.)([\])}>"']*)\s*$/g, '$1 $2 $3 '],
  [/([^'])' /g, "$1 ' "],
  [/[\][(){}<>]/g, ' $& '],
  [/--/g, ' -- '],
  // Closing quotes.
  [/"/g, " '' "],
  [/(\S)('')/g, '$1 $2 '],
  // Possessives and contractions.
  [/([^' ])('[sSmMdD]|')(?= )/g, '$1 $2'],
  [/([^' ])('ll|'LL|'re|'RE|'ve|'VE|n't|N'T)(?= )/g, '$1 $2'],
  [/ (can)(not) /gi, ' $1 $2 '],
  [/ (d)('ye) /gi, ' $1 $2 '],
  [/ (gim|lem)(me) /gi, ' $1 $2 '],
  [/ (gon|wan)(na) /gi, ' $1 $2 '],
  [/ (got)(ta) /gi, ' $1 $2 '],
  [/ (more)('n) /gi, ' $1 $2 '],
  [/ ('t)(is|was) /gi, ' $1 $2 '],
]

/** The words of an English sentence. */
export function treebankWords(sentence: string): string[] {
  let text = sentence.trim()
  for (const [i, [pattern, replacement]] of rules.entries()) {
    // The first rules look for the edges of the text, the later ones for a space on both sides of a word.
    if (i === PADDED_FROM) text = ` ${text} `
    text = text.replace(pattern, replacement)
  }
  return text.split(/\s+/).filter(word => word !== '')
}

const PADDED_FROM = rules.findIndex(([pattern]) => pattern.source.startsWith("([^'])' "))
