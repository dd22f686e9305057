// Perplexity: how many equally likely tokens a language model was choosing among, on average.

/**
 * exp of the mean negative log-likelihood.
 * @param logProbabilities natural logarithms, one per token, at most 0
 * @returns 1 for certainty; NaN without tokens
 */
export function perplexity(logProbabilities: ArrayLike<number>): number {
  return Math.exp(negativeLogLikelihood(logProbabilities) / logProbabilities.length)
}

/** Bits per byte: the same on a scale that does not depend on the tokens, for texts of so many bytes. */
export function bitsPerByte(logProbabilities: ArrayLike<number>, bytes: number): number {
  return negativeLogLikelihood(logProbabilities) / Math.LN2 / bytes
}

function negativeLogLikelihood(logProbabilities: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < logProbabilities.length; i++) sum -= logProbabilities[i]!
  return sum
}
