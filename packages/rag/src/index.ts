export { RagArgumentError, RagError, RagFormatError } from './errors.ts'
