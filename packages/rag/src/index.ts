export {
  Analyzer,
  type AnalyzerOptions,
  type AnalyzerSettings,
  createAnalyzer,
  type Token,
} from './analysis/analyzer.ts'
export { defaultEdits, type FuzzyMatch, TermDictionary } from './analysis/dictionary.ts'
export { highlight, type Snippet, type Span, snippet } from './analysis/highlight.ts'
export { Synonyms } from './analysis/synonyms.ts'
export * from './answer/index.ts'
export { crc32c } from './checksum.ts'
export * from './chunk/index.ts'
export * from './dense/index.ts'
export type { Embedder } from './embedding/embedder.ts'
export { MeanEmbedder, type MeanEmbedderOptions, WordVectors } from './embedding/word-vectors.ts'
export { type IngestProblem, RagArgumentError, RagError, RagFormatError, RagIngestError } from './errors.ts'
export {
  alignJudgements,
  type CollectionDocument,
  type CollectionQuery,
  readDocuments,
  readJudgements,
  readQueries,
} from './evaluation/collection.ts'
export { type FusionOptions, type Ranking, reciprocalRankFusion, weightedFusion } from './fusion/fuse.ts'
export { diversify, type MmrOptions } from './fusion/mmr.ts'
export {
  agreement,
  crossFuse,
  fuseByAgreement,
  type LearnOptions,
  learnWeights,
  type Rankings,
} from './fusion/weights.ts'
export * from './graph/index.ts'
export { type Bm25Options, type Bm25Variant, bm25Variants } from './lexical/bm25.ts'
export type { FeedbackOptions } from './lexical/feedback.ts'
export {
  type FieldOptions,
  type LexicalDocument,
  LexicalIndex,
  type LexicalIndexOptions,
} from './lexical/lexical-index.ts'
export { parseQuery } from './lexical/parse-query.ts'
export type { Query } from './lexical/query.ts'
export type { FacetCounts, LexicalHit, LexicalSearchOptions } from './lexical/search.ts'
export { SparseIndex, type SparseSearchOptions, type SparseVector } from './lexical/sparse-index.ts'
export { generatorScorer } from './rerank/generator-scorer.ts'
export {
  LateInteractionReranker,
  maxSim,
  SentenceTokenEncoder,
  type TokenEncoder,
  type TokenVectors,
  WordTokenEncoder,
} from './rerank/late-interaction.ts'
export { CrossEncoderReranker, type PairScorer, type Reranker, type RerankOptions, rerank } from './rerank/reranker.ts'
export { readSegment, type Segment, type SegmentArray, writeSegment } from './segment.ts'
export { type Bounds, type Filter, type Metadata, matches, type Scalar } from './stores/filter.ts'
export { type LocalStoreOptions, openMemoryStore } from './stores/memory.ts'
export type {
  Access,
  ChunkInput,
  Damage,
  DocumentHead,
  DocumentInput,
  Hit,
  ReadOptions,
  SearchRequest,
  Store,
  StoredDocument,
  StoreStatistics,
} from './stores/store.ts'
