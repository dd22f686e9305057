export { crc32c } from './checksum.ts'
export type { Embedder } from './embedding/embedder.ts'
export { RagArgumentError, RagError, RagFormatError } from './errors.ts'
export { readSegment, type Segment, type SegmentArray, writeSegment } from './segment.ts'
