// A graph of what documents speak of.
export { communities, modularity } from './communities.ts'
export {
  type ExtractedEntity,
  type ExtractedRelation,
  type Extraction,
  type Extractor,
  ruleExtractor,
} from './extract.ts'
export { type Entity, KnowledgeGraph, type PassageReference, type Provenance, type Triple } from './knowledge-graph.ts'
export {
  type CommunityReport,
  communityReports,
  type GraphContext,
  globalSearch,
  graphContext,
  namedEntities,
  proximity,
} from './search.ts'
