// Small models in plain numbers, derived by hand: what the training tests compare the library with.

/** Least squares on a line, w x + b against y: the loss (mean) and its slopes. */
export function line(xs: readonly number[], ys: readonly number[], w: number, b: number, count = xs.length) {
  let [loss, dw, db] = [0, 0, 0]
  xs.forEach((x, i) => {
    const r = w * x + b - ys[i]
    loss += (r * r) / count
    dw += (2 * r * x) / count
    db += (2 * r) / count
  })
  return { loss, dw, db }
}

export interface Net {
  /** [inputs, hidden], row-major */
  first: number[]
  /** [hidden] */
  second: number[]
}

/** mean((tanh(x first) second - y)^2) and its slopes; x is [rows, inputs]. */
export function net(x: readonly (readonly number[])[], y: readonly number[], { first, second }: Net) {
  const hidden = second.length
  const slopes: Net = { first: first.map(() => 0), second: second.map(() => 0) }
  let loss = 0
  const outputs = x.map((row, i) => {
    const h = second.map((_, j) => Math.tanh(row.reduce((sum, v, p) => sum + v * first[p * hidden + j], 0)))
    const out = h.reduce((sum, v, j) => sum + v * second[j], 0)
    const d = (2 * (out - y[i])) / x.length
    loss += (out - y[i]) ** 2 / x.length
    h.forEach((v, j) => {
      slopes.second[j] += d * v
      row.forEach((r, p) => {
        slopes.first[p * hidden + j] += d * second[j] * (1 - v * v) * r
      })
    })
    return out
  })
  return { loss, slopes, outputs }
}

/** h = tanh(a h + x_t), loss = sum (h - y_t)^2 over one window, differentiated through the window but not into the first h. */
export function recurrence(xs: readonly number[], ys: readonly number[], a: number, start: number) {
  const hs = [start]
  for (const x of xs) hs.push(Math.tanh(a * hs[hs.length - 1] + x))
  let [loss, slope, back] = [0, 0, 0]
  for (let t = xs.length; t > 0; t--) {
    loss += (hs[t] - ys[t - 1]) ** 2
    const d = (back + 2 * (hs[t] - ys[t - 1])) * (1 - hs[t] ** 2)
    slope += d * hs[t - 1]
    back = d * a
  }
  return { loss, slope, last: hs[hs.length - 1] }
}
