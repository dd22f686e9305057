// Typed errors: the data first, the sentence made once. Documents, indexes and queries come from strangers, so a caller must
// be able to tell "this file is bad" from "this call is wrong" without reading prose.

/** Any error that this package throws on purpose. */
export class RagError extends Error {
  override name = 'RagError'
}

/** A call with an argument that cannot be served: a vector of the wrong size, a filter of the wrong type, a query too long. */
export class RagArgumentError extends RagError {
  override name = 'RagArgumentError'
  /** The operation that refused, e.g. `search`. */
  readonly op: string

  /** @param problem what is wrong, with the values   @param remedy what to do instead, e.g. `give vectors of 384 numbers` */
  constructor(op: string, problem: string, remedy?: string) {
    super(`${op}: ${problem}${remedy ? `; ${remedy}` : ''}`)
    this.op = op
  }
}

/** A file, document or segment that is not what it claims to be, or whose bytes have changed since it was written. */
export class RagFormatError extends RagError {
  override name = 'RagFormatError'
  /** The format that was expected, e.g. `lexical segment`. */
  readonly format: string
  /** Where in it: a byte offset, a section, a line or a path such as `fields[1].name`. */
  readonly where: string

  constructor(format: string, where: string, problem: string) {
    super(`${format}: ${where}: ${problem}`)
    this.format = format
    this.where = where
  }
}

/** Why a file, or a part of one, was left out. */
export type IngestProblem =
  | 'too large'
  | 'wrong encoding'
  | 'malformed'
  | 'encrypted'
  | 'bomb'
  | 'unsafe path'
  | 'unsupported'
  | 'too slow'
  | 'missing library'
  | 'unreadable'

/** A file that cannot be taken in. A batch notes it and goes on. */
export class RagIngestError extends RagError {
  override name = 'RagIngestError'
  readonly problem: IngestProblem
  /** The file, with the part of it that is meant: `book.zip#chapter.html`. */
  readonly path: string

  /** @param details what was found, with the values, and what to do about it */
  constructor(problem: IngestProblem, path: string, details: string, options?: ErrorOptions) {
    super(`${path}: ${problem}: ${details}`, options)
    this.problem = problem
    this.path = path
  }
}
