// The error function in double precision, for plain evaluators and tests: a Taylor series near 0, a continued fraction
// far from it (Abramowitz & Stegun 7.1.6 and 7.1.14). About 1e-15 relative.

export function erf(x: number): number {
  const size = Math.abs(x)
  if (Number.isNaN(x)) return x
  if (size > 6) return Math.sign(x)
  if (size < 2.5) {
    // 2/sqrt(pi) exp(-x^2) sum 2^n x^(2n+1) / (2n+1)!!
    let term = x
    let sum = x
    for (let n = 1; Math.abs(term) > Math.abs(sum) * 1e-17; n++) {
      term *= (2 * x * x) / (2 * n + 1)
      sum += term
    }
    return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum
  }
  let fraction = size
  for (let n = 80; n >= 1; n--) fraction = size + n / 2 / fraction
  return Math.sign(x) * (1 - Math.exp(-x * x) / (Math.sqrt(Math.PI) * fraction))
}
