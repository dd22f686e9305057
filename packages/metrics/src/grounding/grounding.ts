// Whether an answer stands on its context, and whether the context was the right one: the measures of RAGAS (Es et al. 2023). Who judges that a
// text says what a claim says is given: words, a model of entailment, a person's notes. Claims are the sentences of an answer, cut by the caller.

/** Says how far a text supports a claim, from 0 (not at all) to 1. */
export interface SupportJudge {
  score(claim: string, evidence: string): number | Promise<number>
}

export interface GroundingOptions {
  readonly judge: SupportJudge
  /** From which score a claim is supported. Default 0.5. */
  readonly threshold?: number
}

/** @throws RangeError for a score that is no number from 0 to 1 */
async function supports(
  claim: string,
  evidence: string,
  { judge, threshold = 0.5 }: GroundingOptions,
): Promise<boolean> {
  const score = await judge.score(claim, evidence)
  if (!(score >= 0 && score <= 1)) throw new RangeError(`the judge gave ${score}: scores are from 0 to 1`)
  return score >= threshold
}

/** The share of the claims that a single context supports, or all of them together. NaN without claims. */
async function supportedShare(
  claims: readonly string[],
  contexts: readonly string[],
  options: GroundingOptions,
): Promise<number> {
  const whole = contexts.length > 1 ? [contexts.join('\n\n')] : []
  let supported = 0
  for (const claim of claims)
    for (const context of [...contexts, ...whole])
      if (await supports(claim, context, options)) {
        supported++
        break
      }
  return supported / claims.length
}

/**
 * Faithfulness: the share of an answer's claims that its context supports. 1 where nothing is made up; NaN for an answer without claims.
 * @throws RangeError for a score of the judge that is no number from 0 to 1
 */
export const faithfulness = (
  answerClaims: readonly string[],
  contexts: readonly string[],
  options: GroundingOptions,
): Promise<number> => supportedShare(answerClaims, contexts, options)

/**
 * Context recall: the share of a reference answer's claims that the context supports. 1 where everything needed was found.
 * @throws RangeError for a score of the judge that is no number from 0 to 1
 */
export const contextRecall = (
  referenceClaims: readonly string[],
  contexts: readonly string[],
  options: GroundingOptions,
): Promise<number> => supportedShare(referenceClaims, contexts, options)

/**
 * Context precision: average precision of the contexts in their order, one being of use where it supports any claim of the reference answer.
 * 1 where what is of use stands before what is not; 0 where nothing is.
 * @throws RangeError for a score of the judge that is no number from 0 to 1
 */
export async function contextPrecision(
  referenceClaims: readonly string[],
  contexts: readonly string[],
  options: GroundingOptions,
): Promise<number> {
  let useful = 0
  let sum = 0
  for (let rank = 1; rank <= contexts.length; rank++)
    for (const claim of referenceClaims)
      if (await supports(claim, contexts[rank - 1]!, options)) {
        sum += ++useful / rank
        break
      }
  return useful ? sum / useful : 0
}
