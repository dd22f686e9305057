// A generator as a cross-encoder: it reads question and passage together and says how well they fit (pointwise, as in Liang et al. 2022,
// "Holistic evaluation of language models").
import type { Generator } from '../answer/generator.ts'
import { grade } from '../answer/grade.ts'
import type { PairScorer } from './reranker.ts'

const TASK =
  'Say how well the passage answers the question: 0 if it is about something else, 10 if it answers it in full.'

/** Scores from 0 to 1. */
export const generatorScorer = (generator: Generator): PairScorer => ({
  async scorePairs(pairs) {
    const scores: number[] = []
    for (const [query, passage] of pairs)
      scores.push(
        await grade(generator, TASK, [
          { name: 'question', text: query },
          { name: 'passage', text: passage },
        ]),
      )
    return scores
  },
})
