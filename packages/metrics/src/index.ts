export {
  accuracy,
  type ClassificationReport,
  type ClassScores,
  classificationReport,
  confusion,
  matthews,
} from './classification/classification.ts'
export {
  contextPrecision,
  contextRecall,
  faithfulness,
  type GroundingOptions,
  type SupportJudge,
} from './grounding/grounding.ts'
export { type Evaluation, evaluate, type MeasureName } from './ranking/evaluate.ts'
export {
  averagePrecision,
  bpref,
  dcg,
  ndcg,
  precision,
  recall,
  reciprocalRank,
  relevantCount,
  rPrecision,
  success,
} from './ranking/measures.ts'
export { type Judgements, type Qrels, type Run, type ScoredDocument, trecOrder } from './ranking/order.ts'
export { readQrels, readRun, TrecFormatError, writeQrels, writeRun } from './ranking/trec-files.ts'
export { pairedTTest, randomizationTest, type TestResult, wilcoxonTest } from './significance/paired.ts'
export { answerF1, exactMatch, normalizeAnswer } from './text/answers.ts'
export { type BleuOptions, type BleuScore, bleu, tokenize13a } from './text/bleu.ts'
export { type ChrfOptions, chrf } from './text/chrf.ts'
export { bitsPerByte, perplexity } from './text/perplexity.ts'
export { type RougeOptions, type RougeScore, rougeL, rougeLsum, rougeN } from './text/rouge.ts'
