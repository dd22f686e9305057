// The public surface of @cairn/tensor/distributions, and nothing else.

export * from './distributions.ts'
export { type DrawOptions, multinomial, randperm } from './draws.ts'
export { beta, categorical, dirichlet, exponential, gamma, poisson, type SampleOptions } from './functions.ts'
