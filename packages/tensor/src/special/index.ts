// The public surface of @cairn/tensor/special, and nothing else.

export { entr, xlog1py } from './entropy.ts'
export { erfc, erfinv, ndtr, ndtri } from './erf.ts'
export { digamma, lgamma, mvlgamma, polygamma } from './gamma.ts'
