// The public surface of @cairn/tensor/linalg, and nothing else.

export {
  eigh,
  eigvalsh,
  type LeastSquares,
  lstsq,
  matrixRank,
  pinv,
  qr,
  type RankOptions,
  svd,
  svdvals,
} from './eigen.ts'
export { cond, type MatrixOrder, matrixNorm, type NormOptions, vectorNorm } from './norms.ts'
export {
  cholesky,
  choleskyInverse,
  choleskySolve,
  det,
  inv,
  inverse,
  logdet,
  lu,
  matrixExp,
  matrixPower,
  slogdet,
  solve,
  type TriangularOptions,
  triangularSolve,
} from './solve.ts'
