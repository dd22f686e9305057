// Units in the last place of f32, and sweeps over its numbers in the order of their bits: as many points in each octave.

const buffer = new DataView(new ArrayBuffer(4))

/** Where a number stands among all numbers of f32: neighbours differ by 1, and -0 and 0 are 0. */
export function placeOf(x: number): number {
  buffer.setFloat32(0, x)
  const bits = buffer.getInt32(0)
  return bits < 0 ? -(bits & 0x7fffffff) : bits
}
export function numberAt(place: number): number {
  buffer.setInt32(0, Math.abs(place))
  return Math.sign(place) * buffer.getFloat32(0)
}

/** About `count` numbers from low to high, and the neighbours of each number in `near`. */
export function sweep(low: number, high: number, count: number, near: readonly number[] = []): Float32Array {
  const [first, last] = [placeOf(low), placeOf(high)]
  const step = Math.max(1, Math.floor((last - first) / count) | 1)
  const out: number[] = []
  for (let place = first; place <= last; place += step) out.push(numberAt(place))
  for (const x of [low, high, ...near])
    for (let by = -100; by <= 100; by++) {
      const place = placeOf(x) + by
      if (place >= first && place <= last) out.push(numberAt(place))
    }
  return Float32Array.from(out)
}

/** |got - wanted| in units of f32's spacing at `wanted`, or at `scale` if that is larger; infinite when one is no number and the other is. */
export function ulps(got: number, wanted: number, scale = 0): number {
  if (Number.isNaN(got) || Number.isNaN(wanted)) return Number.isNaN(got) && Number.isNaN(wanted) ? 0 : Infinity
  if (!Number.isFinite(got) && got === Math.fround(wanted)) return 0
  const largest = 3.4028234663852886e38
  // beyond the largest number the spacing goes on as below it
  const a = Number.isFinite(got) ? got : Math.sign(got) * 2 ** 128
  const b = Math.abs(wanted) > largest ? Math.sign(wanted) * Math.min(Math.abs(wanted), 2 ** 128) : wanted
  return Math.abs(a - b) / spacing(Math.max(Math.abs(b), scale))
}

const spacing = (x: number): number => {
  const a = Math.min(Math.abs(x), 3.4028234663852886e38)
  return a < 2 ** -126 ? 2 ** -149 : 2 ** (Math.floor(Math.log2(a)) - 23)
}
