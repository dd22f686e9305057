// The public surface of @cairn/tensor/distributions, and nothing else.

export { Beta, Dirichlet, Exponential, Gamma, Uniform } from './continuous.ts'
export { Bernoulli, Categorical, Poisson } from './discrete.ts'
export { Distribution } from './distribution.ts'
export { klDivergence } from './divergence.ts'
export { type DrawOptions, multinomial, randperm } from './draws.ts'
export { beta, categorical, dirichlet, exponential, gamma, poisson, type SampleOptions } from './functions.ts'
export { Cauchy, Gumbel, Laplace, LocationScale, LogNormal, Normal, StudentT } from './location-scale.ts'
