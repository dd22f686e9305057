// Functions that WGSL lacks or only promises loosely (sin to 2^-11, atan2 to 4096 ULP, tanh that overflows, pow of
// negative bases, max that drops NaN), written out in WGSL. Range reductions follow Cody & Waite (1980) and Payne & Hanek
// (1983); the polynomials are minimax fits of ours, their relative error noted beside them. NaN is tested on bits,
// because compilers may assume there is none; not-finite constants come from runtime bits. The expansions of
// kernel/math.ts do not serve here: shader compilers fold float sums with constants, (1 + x) - 1 into x, and with that
// every trick that adds and subtracts a large number.

interface WgslFunction {
  readonly needs: readonly string[]
  readonly code: string
}

/** All take and give f32 unless their text says otherwise. */
export const functions = {
  is_nan: {
    needs: [],
    code: `fn is_nan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }`,
  },

  nan_max: {
    needs: ['is_nan'],
    code: `fn nan_max(a: f32, b: f32) -> f32 { return select(select(max(a, b), b, is_nan(b)), a, is_nan(a)); }`,
  },

  nan_min: {
    needs: ['is_nan'],
    code: `fn nan_min(a: f32, b: f32) -> f32 { return select(select(min(a, b), b, is_nan(b)), a, is_nan(a)); }`,
  },

  // exp(x) = 2^n exp(r), |r| <= ln2/2: 1 + r + r^2 Q(r), 2^-28. The scale is applied in two halves, so that it reaches
  // infinity and the subnormals.
  exp_of: {
    needs: ['is_nan'],
    code: `fn exp_of(x: f32) -> f32 {
  let c = clamp(x, -105f, 90f);
  let n = round(c * 1.4426950408889634f);
  let r = (c - n * 0.693145751953125f) - n * 1.428606765330187e-6f;
  let q = fma(fma(fma(fma(0.001382077462039888f, r, 0.008369249291718006f), r, 0.041668280959129333f), r, 0.16666516661643982f), r, 0.4999999403953552f);
  let p = 1f + fma(r * r, q, r);
  let i = i32(n);
  let h = i >> 1u;
  let y = p * bitcast<f32>(u32(h + 127) << 23u) * bitcast<f32>(u32(i - h + 127) << 23u);
  return select(y, x, is_nan(x));
}`,
  },

  // exp(x) - 1 near 0: x + x^2 Q(x), |x| < 0.42, 2^-29
  expm1_of: {
    needs: ['exp_of'],
    code: `fn expm1_of(x: f32) -> f32 {
  let q = fma(fma(fma(fma(fma(0.00019822352624032646f, x, 0.0013953857123851776f), x, 0.008333498612046242f), x, 0.04166627302765846f), x, 0.1666666567325592f), x, 0.5f);
  return select(exp_of(x) - 1f, fma(x * x, q, x), abs(x) < 0.42f);
}`,
  },

  // log(2^e m) with m in [sqrt(1/2), sqrt(2)), f = m - 1: f - f^2/2 + f^3 P(f), 2^-30. The two parts of the result, the
  // second the smaller, sum to about 30 bits: pow needs them.
  log_series: {
    needs: [],
    code: `fn log_series(f: f32) -> f32 {
  return fma(fma(fma(fma(fma(fma(fma(fma(0.06749129295349121f, f, -0.11672434955835342f), f, 0.11884766072034836f), f, -0.12406004220247269f), f, 0.14220207929611206f), f, -0.16667993366718292f), f, 0.20002076029777527f), f, -0.25000008940706916f), f, 0.3333331346511841f);
}`,
  },
  log_parts: {
    needs: ['log_series'],
    code: `fn log_parts(x: f32) -> vec2f {
  let tiny = x < 1.1754943508222875e-38f;
  let bits = bitcast<u32>(select(x, x * 16777216f, tiny));
  let up = bits - 0x3f3504f3u;
  let e = f32(bitcast<i32>(up) >> 23u) - select(0f, 24f, tiny);
  let f = bitcast<f32>((up & 0x007fffffu) + 0x3f3504f3u) - 1f;
  let p = log_series(f);
  // f^2/2 exactly, through halves of f
  let fh = bitcast<f32>(bitcast<u32>(f) & 0xfffff000u);
  let fl = f - fh;
  let sh = 0.5f * fh * fh;
  let sl = fl * (fh + 0.5f * fl);
  let eh = e * 0.693145751953125f;
  let a = f - sh;
  let al = (f - a) - sh;
  let b = eh + a;
  let big = select(a, eh, abs(eh) > abs(a));
  let small = select(eh, a, abs(eh) > abs(a));
  let bl = (big - b) + small;
  let t = bl + (al - sl + fma(f * f, f * p, e * 1.428606765330187e-6f));
  let high = b + t;
  return vec2f(high, t - (high - b));
}`,
  },

  log_of: {
    needs: ['log_parts', 'is_nan'],
    code: `fn log_of(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  if (is_nan(x) || bits == 0x7f800000u) { return x; }
  if ((bits & 0x7fffffffu) == 0u) { return bitcast<f32>(bits | 0xff800000u); }
  if (bits >= 0x80000000u) { return bitcast<f32>(bits | 0x7fc00000u); }
  let l = log_parts(x);
  return l.x + l.y;
}`,
  },

  // near 0 the series of log in x itself, which loses nothing; elsewhere rounding 1 + x costs little
  log1p_of: {
    needs: ['log_of', 'log_series'],
    code: `fn log1p_of(x: f32) -> f32 {
  if (x > -0.29f && x < 0.41f) {
    let t = x * x;
    return select(x + fma(t * x, log_series(x), -0.5f * t), x, x == 0f);
  }
  return log_of(1f + x);
}`,
  },

  // x + x^3 T(x^2) below 0.6, 2^-28; then 1 - 2 / (exp(2x) + 1)
  tanh_of: {
    needs: ['exp_of', 'is_nan'],
    code: `fn tanh_of(x: f32) -> f32 {
  let a = abs(x);
  let t = x * x;
  let q = fma(fma(fma(fma(-0.005900179035961628f, t, 0.020800316706299782f), t, -0.05378512293100357f), t, 0.13331939280033112f), t, -0.33333298563957214f);
  let far = 1f - 2f / (exp_of(2f * min(a, 10f)) + 1f);
  let y = select(select(far, -far, x < 0f), fma(x * t, q, x), a < 0.6f);
  return select(y, x, is_nan(x));
}`,
  },

  // x + x E(x^2) below 0.92, 2^-30; then 1 - exp(-G(|x|)), which is 1 in f32 from 4 on
  erf_of: {
    needs: ['exp_of', 'is_nan'],
    code: `fn erf_of(x: f32) -> f32 {
  let a = min(abs(x), 4f);
  let t = x * x;
  let e = fma(fma(fma(fma(fma(fma(0.00008378639904549345f, t, -0.0008144217426888645f), t, 0.005201041232794523f), t, -0.02685927040874958f), t, 0.11283686757087708f), t, -0.37612631916999817f), t, 0.12837916612625122f);
  let g = fma(fma(fma(fma(fma(fma(fma(0.000020906421923427843f, a, -0.00043227392598055303f), a, 0.004160421900451183f), a, -0.02509130723774433f), a, 0.10823643952608109f), a, 0.6333867311477661f), a, 1.1294951438903809f), a, -0.0001705520407995209f);
  let far = 1f - exp_of(-g);
  let y = select(select(far, -far, x < 0f), fma(x, e, x), abs(x) < 0.92f);
  return select(y, x, is_nan(x));
}`,
  },

  mul_wide: {
    needs: [],
    code: `fn mul_wide(a: u32, b: u32) -> vec2u {
  let al = a & 0xffffu; let ah = a >> 16u; let bl = b & 0xffffu; let bh = b >> 16u;
  let low = al * bl;
  let mid = ah * bl + (low >> 16u);
  let cross = al * bh + (mid & 0xffffu);
  return vec2u((low & 0xffffu) | (cross << 16u), ah * bh + (mid >> 16u) + (cross >> 16u));
}`,
  },

  // Payne & Hanek: the bits of 2/pi that matter for the quadrant and 64 bits of the fraction, times the 24 bits of x
  reduce_far: {
    needs: ['mul_wide'],
    code: `const two_over_pi = array<u32, 8>(0u, 0xa2f9836eu, 0x4e441529u, 0xfc2757d1u, 0xf534ddc0u, 0xdb629599u, 0x3c439041u, 0xfe5163abu);
fn reduce_far(x: f32) -> vec2f {
  var table = two_over_pi;
  let bits = bitcast<u32>(x);
  let skip = ((bits >> 23u) & 0xffu) - 128u;
  let m = (bits << 8u) | 0x80000000u;
  let at = min(skip >> 5u, 4u);
  let by = skip & 31u;
  let back = (32u - by) & 31u;
  let w0 = (table[at] << by) | select(table[at + 1u] >> back, 0u, by == 0u);
  let w1 = (table[at + 1u] << by) | select(table[at + 2u] >> back, 0u, by == 0u);
  let w2 = (table[at + 2u] << by) | select(table[at + 3u] >> back, 0u, by == 0u);
  let p2 = mul_wide(m, w2);
  let p1 = mul_wide(m, w1);
  let mid = p1.x + p2.y;
  let top = m * w0 + p1.y + select(0u, 1u, mid < p1.x);
  var high = (top << 2u) | (mid >> 30u);
  var low = (mid << 2u) | (p2.x >> 30u);
  var quadrant = top >> 30u;
  let negative = high >= 0x80000000u;
  if (negative) {
    quadrant += 1u;
    low = ~low + 1u;
    high = ~high + select(0u, 1u, low == 0u);
  }
  let r = (f32(high) * 2.3283064365386963e-10f + f32(low) * 5.421010862427522e-20f) * 1.5707963267948966f;
  return vec2f(select(r, -r, negative != (bits >= 0x80000000u)), f32(select(quadrant & 3u, (4u - quadrant) & 3u, bits >= 0x80000000u)));
}`,
  },

  // x = quadrant * pi/2 + r, |r| <= pi/4; Cody & Waite in four parts, of which the products of three are exact
  reduce_angle: {
    needs: ['reduce_far'],
    code: `fn reduce_angle(x: f32) -> vec2f {
  if (abs(x) < 8000f) {
    let n = round(x * 0.6366197723675814f);
    let r = (((x - n * 1.5703125f) - n * 0.000483751296997070312f) - n * 7.549533620476723e-8f) - n * 2.563344068257090e-12f;
    return vec2f(r, f32(i32(n) & 3));
  }
  return reduce_far(x);
}`,
  },

  // on |r| <= pi/4: r + r^3 S(r^2), 2^-32, and 1 - r^2/2 + r^4 C(r^2), 2^-37
  sin_cos: {
    needs: ['reduce_angle'],
    code: `fn sin_cos(x: f32) -> vec2f {
  let bits = bitcast<u32>(x);
  if ((bits & 0x7f800000u) == 0x7f800000u) { return vec2f(bitcast<f32>(bits | 0x7fc00000u)); }
  let a = reduce_angle(x);
  let t = a.x * a.x;
  let s = fma(a.x * t, fma(fma(fma(0.0000028308018045208883f, t, -0.00019852982950396836f), t, 0.008333379402756691f), t, -0.1666666716337204f), a.x);
  let c = fma(t * t, fma(fma(fma(-2.885931280616205e-7f, t, 0.000024821911210892722f), t, -0.0013888980029150844f), t, 0.0416666679084301f), fma(t, -0.5f, 1f));
  let q = u32(a.y);
  let sine = select(s, c, (q & 1u) != 0u);
  let cosine = select(c, s, (q & 1u) != 0u);
  return vec2f(select(sine, -sine, q >= 2u), select(cosine, -cosine, q == 1u || q == 2u));
}`,
  },
  sin_of: { needs: ['sin_cos'], code: `fn sin_of(x: f32) -> f32 { return select(sin_cos(x).x, x, x == 0f); }` },
  cos_of: { needs: ['sin_cos'], code: `fn cos_of(x: f32) -> f32 { return sin_cos(x).y; }` },
  tan_of: {
    needs: ['sin_cos'],
    code: `fn tan_of(x: f32) -> f32 { let p = sin_cos(x); return select(p.x / p.y, x, x == 0f); }`,
  },

  // atan on [0, 1]: above tan(pi/8) by the addition theorem, then t + t^3 A(t^2), 2^-30
  atan2_of: {
    needs: ['is_nan'],
    code: `fn atan2_of(y: f32, x: f32) -> f32 {
  if (is_nan(x)) { return x; }
  if (is_nan(y)) { return y; }
  let ay = abs(y);
  let ax = abs(x);
  let high = max(ax, ay);
  let low = min(ax, ay);
  let both = (bitcast<u32>(low) & 0x7fffffffu) == 0x7f800000u;
  // scaled where the quotient's parts could overflow or be flushed
  let scale = select(select(1f, 16777216f, high < 1e-30f), 1e-4f, high > 1e30f);
  let hs = high * scale;
  let ls = low * scale;
  let wide = ls > 0.41421356f * hs;
  let t = select(select(ls, ls - hs, wide) / select(hs, ls + hs, wide), 0f, both || high == 0f);
  let u = t * t;
  let p = fma(t * u, fma(fma(fma(fma(-0.060309622436761856f, u, 0.10575906187295914f), u, -0.14241227507591248f), u, 0.19998356699943542f), u, -0.3333331346511841f), t);
  var a = select(p, p + 0.7853981633974483f, wide || both);
  a = select(a, 1.5707963267948966f - a, ay > ax);
  a = select(a, 3.141592653589793f - a, bitcast<u32>(x) >= 0x80000000u);
  return select(a, -a, bitcast<u32>(y) >= 0x80000000u);
}`,
  },

  // The remainder of x / y with the sign of x, exactly: binary long division of the magnitudes. Every step is exact.
  mod_of: {
    needs: ['is_nan'],
    code: `fn mod_of(x: f32, y: f32) -> f32 {
  let yb = bitcast<u32>(y) & 0x7fffffffu;
  let xb = bitcast<u32>(x) & 0x7fffffffu;
  if (yb == 0u || xb >= 0x7f800000u || yb > 0x7f800000u) { return bitcast<f32>(xb | 0x7fc00000u); }
  if (xb < yb) { return x; }
  let d = abs(y);
  var r = abs(x);
  for (var n = i32(xb >> 23u) - i32(yb >> 23u); n >= 0; n--) {
    let part = d * bitcast<f32>(u32(min(n, 127) + 127) << 23u) * bitcast<f32>(u32(max(n - 127, 0) + 127) << 23u);
    if (r >= part) { r -= part; }
  }
  return select(r, -r, x < 0f);
}`,
  },

  // Small integral exponents by multiplication, so that squares and cubes are what they seem; the rest as
  // exp(y log|x|) with the logarithm in two parts. Special cases as IEEE 754 pow.
  pow_of: {
    needs: ['is_nan', 'exp_of', 'log_parts'],
    code: `fn pow_of(x: f32, y: f32) -> f32 {
  if (y == 0f || x == 1f) { return 1f; }
  if (is_nan(x)) { return x; }
  if (is_nan(y)) { return y; }
  let ay = abs(y);
  let whole = ay >= 16777216f || floor(y) == y;
  let odd = whole && ay < 16777216f && (u32(min(ay, 16777215f)) & 1u) == 1u;
  let a = abs(x);
  let ab = bitcast<u32>(a);
  let yb = bitcast<u32>(ay);
  if (whole && ay <= 16f && ab < 0x7f800000u && ab != 0u) {
    var r = 1f;
    var b = x;
    for (var n = u32(ay); n > 0u; n >>= 1u) {
      if ((n & 1u) == 1u) { r *= b; }
      b *= b;
    }
    return select(r, 1f / r, y < 0f);
  }
  let flip = odd && bitcast<u32>(x) >= 0x80000000u;
  let sign = select(0u, 0x80000000u, flip);
  if (ab == 0u || ab == 0x7f800000u) {
    let large = (ab == 0u) == (y < 0f);
    return bitcast<f32>(sign | select(0u, 0x7f800000u, large));
  }
  if (yb == 0x7f800000u) {
    if (a == 1f) { return 1f; }
    return bitcast<f32>(select(0u, 0x7f800000u, (a > 1f) == (y > 0f)));
  }
  if (!whole && bitcast<u32>(x) >= 0x80000000u) { return bitcast<f32>(ab | 0x7fc00000u); }
  let l = log_parts(a);
  let h = l.x * y;
  // past these the result is 0 or infinite, and the parts below could overflow
  if (abs(h) > 110f) { return bitcast<f32>(sign | select(0u, 0x7f800000u, h > 0f)); }
  let lh = bitcast<f32>(bitcast<u32>(l.x) & 0xfffff000u);
  let yh = bitcast<f32>(bitcast<u32>(y) & 0xfffff000u);
  let ll = l.x - lh;
  let yl = y - yh;
  let rest = (((lh * yh - h) + lh * yl) + ll * yh) + ll * yl + l.y * y;
  let e = exp_of(h);
  let r = select(fma(e, rest, e), e, (bitcast<u32>(e) & 0x7f800000u) == 0x7f800000u);
  return select(r, -r, flip);
}`,
  },

  // Integers: by squaring, wrapping; a negative exponent gives the truncated quotient.
  pow_i32: {
    needs: [],
    code: `fn pow_i32(x: i32, y: i32) -> i32 {
  if (y < 0) { return select(select(0, select(1, -1, (y & 1) != 0), x == -1), 1, x == 1); }
  var r = 1;
  var b = x;
  for (var n = u32(y); n > 0u; n >>= 1u) {
    if ((n & 1u) == 1u) { r *= b; }
    b *= b;
  }
  return r;
}`,
  },
  pow_u32: {
    needs: [],
    code: `fn pow_u32(x: u32, y: u32) -> u32 {
  var r = 1u;
  var b = x;
  for (var n = y; n > 0u; n >>= 1u) {
    if ((n & 1u) == 1u) { r *= b; }
    b *= b;
  }
  return r;
}`,
  },

  // to integers: truncated, saturated, NaN gives 0
  to_i32: {
    needs: ['is_nan'],
    code: `fn to_i32(x: f32) -> i32 {
  if (is_nan(x)) { return 0; }
  if (x >= 2147483648f) { return 2147483647; }
  return select(i32(max(x, -2147483648f)), i32(-2147483648), x <= -2147483648f);
}`,
  },
  to_u32: {
    needs: ['is_nan'],
    code: `fn to_u32(x: f32) -> u32 {
  if (is_nan(x)) { return 0u; }
  if (x >= 4294967296f) { return 0xffffffffu; }
  return u32(max(x, 0f));
}`,
  },

  // to the nearest f16 or bf16 and back, halves to even
  round_f16: {
    needs: ['is_nan'],
    code: `fn round_f16(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  let size = bits & 0x7fffffffu;
  let sign = bits & 0x80000000u;
  if (size > 0x7f800000u) { return x; }
  // below 2^-14 the spacing is 2^-24, that of f32 in [0.5, 1)
  let low = f32(bitcast<u32>(bitcast<f32>(size) + 0.5f) - 0x3f000000u) * 5.9604644775390625e-8f;
  let even = (size + 0xfffu + ((size >> 13u) & 1u)) & 0xffffe000u;
  let y = select(select(even, 0x7f800000u, size >= 0x477ff000u), bitcast<u32>(low), size < 0x38800000u);
  return bitcast<f32>(sign | y);
}`,
  },
  round_bf16: {
    needs: [],
    code: `fn round_bf16(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  let even = (bits + 0x7fffu + ((bits >> 16u) & 1u)) & 0xffff0000u;
  return bitcast<f32>(select(even, bits | 0x00400000u, (bits & 0x7fffffffu) > 0x7f800000u));
}`,
  },
} as const satisfies Record<string, WgslFunction>

export type FunctionName = keyof typeof functions

/** The text of the named functions and of those they need, each once, before its users. */
export function functionText(names: Iterable<FunctionName>): string {
  const placed = new Set<string>()
  const text: string[] = []
  const place = (name: string): void => {
    if (placed.has(name)) return
    placed.add(name)
    const { needs, code }: WgslFunction = functions[name as FunctionName]
    needs.forEach(place)
    text.push(code)
  }
  for (const name of [...names].sort()) place(name)
  return text.join('\n')
}
