// Typed errors: the data first, the sentence made once. Files and texts come from strangers, so a caller must be able
// to tell "this file is bad" from "this call is wrong" without reading prose.

/** Any error that this package throws on purpose. */
export class TokenizerError extends Error {
  override name = 'TokenizerError'
}

/** A file or JSON value that is not a tokenizer of the format it claims to be. */
export class TokenizerFormatError extends TokenizerError {
  override name = 'TokenizerFormatError'
  /** The format that was expected, e.g. `tokenizer.json`. */
  readonly format: string
  /** Where in the file, as a path such as `model.merges[3]`, or a byte offset. */
  readonly where: string

  constructor(format: string, where: string, problem: string) {
    super(`${format}: ${where}: ${problem}`)
    this.format = format
    this.where = where
  }
}
