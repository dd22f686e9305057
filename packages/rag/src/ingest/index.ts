// Files become documents: `@cairn/rag/ingest`. Loaders that need a library are subpaths of their own.
export { clean } from './clean.ts'
export {
  type DocumentFormat,
  type LoadedDocument,
  type Place,
  placesOf,
} from './document.ts'
export { type IngestBatch, type IngestOptions, type IngestReport, ingest, textLoaders } from './ingest.ts'
export { defaultLimits, type FileInput, fileOf, type IngestLimits, type LoadContext, type Loader } from './loader.ts'
export { type NearDuplicate, type NearDuplicateOptions, NearDuplicates } from './near-duplicates.ts'
export { type CsvOptions, csvLoader, jsonLoader, type RecordOptions } from './records.ts'
export { codeLoader, markdownLoader, plainTextLoader, type TextLoaderOptions } from './text.ts'
