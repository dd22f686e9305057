// Attention and its gradients by plain loops over accessors: what the primitives evaluate, and what interpreted kernels run. Templates
// are compared with it. Notation of T. Dao et al., "FlashAttention" (2022): S scores, P weights, dS their gradients.

export interface AttentionSizes {
  readonly batch: number
  /** heads of keys and values */
  readonly head: number
  /** query heads that share one of them */
  readonly group: number
  readonly query: number
  readonly key: number
  /** of queries and keys */
  readonly width: number
  /** of values */
  readonly out: number
}

/** Element of an operand; trailing arguments that an operand does not have are absent. */
type Read = (...at: readonly number[]) => number
type Write = (value: number, ...at: readonly number[]) => void

export interface AttentionReads {
  /** (b, i, n, g, d) */
  readonly q: Read
  /** (b, j, n, d) */
  readonly k: Read
  /** (b, j, n, e) */
  readonly v: Read
  readonly scale: number
  /** (b, i): a query sees keys in [start, end) */
  readonly starts: Read | null
  readonly ends: Read | null
  /** (b, n, g, i, j), added to the scores */
  readonly mask: Read | null
}

/** Scores of a row, -Infinity where a key is not seen. */
function scores(size: AttentionSizes, x: AttentionReads, b: number, n: number, g: number, i: number): Float64Array {
  const row = new Float64Array(size.key).fill(-Infinity)
  const end = Math.min(size.key, x.ends ? x.ends(b, i) : size.key)
  for (let j = Math.max(0, x.starts ? x.starts(b, i) : 0); j < end; j++) {
    let dot = 0
    for (let d = 0; d < size.width; d++) dot += x.q(b, i, n, g, d) * x.k(b, j, n, d)
    row[j] = dot * x.scale + (x.mask ? x.mask(b, n, g, i, j) : 0)
  }
  return row
}

function eachRow(size: AttentionSizes, visit: (b: number, n: number, g: number, i: number) => void): void {
  for (let b = 0; b < size.batch; b++)
    for (let n = 0; n < size.head; n++)
      for (let g = 0; g < size.group; g++) for (let i = 0; i < size.query; i++) visit(b, n, g, i)
}

/**
 * softmax(q k^T scale + mask) v. A row that sees no key is 0.
 * @param out (value, b, i, n, g, e)   @param lse (value, b, i, n, g): the logarithm of the row's sum of exponentials, Infinity where it sees nothing
 */
export function attentionForward(size: AttentionSizes, x: AttentionReads, out: Write | null, lse: Write | null): void {
  eachRow(size, (b, n, g, i) => {
    const s = scores(size, x, b, n, g, i)
    const most = s.reduce((m, value) => Math.max(m, value), -Infinity)
    const weights = most === -Infinity ? s.map(() => 0) : s.map(value => Math.exp(value - most))
    const sum = weights.reduce((total, w) => total + w, 0)
    lse?.(most === -Infinity ? Infinity : most + Math.log(sum), b, i, n, g)
    if (!out) return
    for (let e = 0; e < size.out; e++) {
      let total = 0
      for (let j = 0; j < size.key; j++) if (weights[j] !== 0) total += weights[j] * x.v(b, j, n, e)
      out(most === -Infinity ? 0 : total / sum, b, i, n, g, e)
    }
  })
}

export interface AttentionGradientReads extends AttentionReads {
  /** (b, i, n, g, e), the gradient of the result */
  readonly g: Read
  /** (b, i, n, g) */
  readonly lse: Read
  /** (b, i, n, g): the sum over e of the result and its gradient */
  readonly delta: Read
}

/** P = exp(S - lse), dS = P (g v^T - delta) scale; dq = dS k, dk = dS^T q, dv = P^T g. */
export function attentionGradients(
  size: AttentionSizes,
  x: AttentionGradientReads,
  dq: Write | null,
  dk: Write | null,
  dv: Write | null,
): void {
  const { key, width, out, head } = size
  const ofKeys = new Float64Array(size.batch * head * key * width)
  const ofValues = new Float64Array(size.batch * head * key * out)
  eachRow(size, (b, n, g, i) => {
    const s = scores(size, x, b, n, g, i)
    const own = new Float64Array(width)
    const [lse, delta] = [x.lse(b, i, n, g), x.delta(b, i, n, g)]
    for (let j = 0; j < key; j++) {
      if (s[j] === -Infinity) continue
      const p = Math.exp(s[j] - lse)
      const at = (b * head + n) * key + j
      let dp = 0
      for (let e = 0; e < out; e++) {
        dp += x.g(b, i, n, g, e) * x.v(b, j, n, e)
        ofValues[at * out + e] += p * x.g(b, i, n, g, e)
      }
      const ds = p * (dp - delta) * x.scale
      for (let d = 0; d < width; d++) {
        own[d] += ds * x.k(b, j, n, d)
        ofKeys[at * width + d] += ds * x.q(b, i, n, g, d)
      }
    }
    if (dq) for (let d = 0; d < width; d++) dq(own[d], b, i, n, g, d)
  })
  for (let b = 0; b < size.batch; b++)
    for (let n = 0; n < head; n++)
      for (let j = 0; j < key; j++) {
        const at = (b * head + n) * key + j
        if (dk) for (let d = 0; d < width; d++) dk(ofKeys[at * width + d], b, j, n, d)
        if (dv) for (let e = 0; e < out; e++) dv(ofValues[at * out + e], b, j, n, e)
      }
}
