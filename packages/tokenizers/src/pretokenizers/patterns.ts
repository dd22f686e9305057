// The regular expressions by which the models of the GPT family cut text, in Oniguruma's syntax.

const contraction = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
const upper = '[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]'
const lower = '[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]'
const other = '[^\\r\\n\\p{L}\\p{N}]?'
const spaces = '\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+'

const cl100k = (numbers: string) => `${contraction}|${other}\\p{L}+|${numbers}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|${spaces}`

export const patterns = {
  gpt2: "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
  /** GPT-4, Llama 3: numbers in groups of up to three. */
  cl100k: cl100k('\\p{N}{1,3}'),
  /** Qwen 2: digit by digit. */
  qwen2: cl100k('\\p{N}'),
  /** GPT-4o: words split where lower case turns to upper, contractions kept with their word. */
  o200k: `${other}${upper}*${lower}+${contraction}?|${other}${upper}+${lower}*${contraction}?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|${spaces}`,
} as const
