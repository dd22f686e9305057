// Search by vectors: exact (`FlatIndex`) and by a graph (`HnswIndex`).
export { FlatIndex, type FlatOptions, type FlatSearchOptions } from './flat.ts'
export { HnswIndex, type HnswOptions, type HnswSearchOptions } from './hnsw.ts'
export { Selection } from './selection.ts'
export { type Metric, metrics, normalized, truncated, type VectorLike } from './vector.ts'
export type { Neighbor, VectorTableOptions } from './vector-table.ts'
