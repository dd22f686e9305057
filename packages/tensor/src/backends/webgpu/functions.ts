// Functions that WGSL lacks or only promises loosely (sin to 2^-11, atan2 to 4096 ULP, tanh that overflows, pow of
// negative bases, max that drops NaN), written out in WGSL. Range reductions follow Cody & Waite (1980) and Payne & Hanek
// (1983); the polynomials are minimax fits of ours, their relative error noted beside them. NaN is tested on bits,
// because compilers may assume there is none; not-finite constants come from runtime bits. The expansions of
// kernel/math.ts do not serve here: shader compilers fold float sums with constants, (1 + x) - 1 into x, and with that
// every trick that adds and subtracts a large number.
//
// Those that few programs call are in rare-functions.ts.

import { Later } from '../../load-later.ts'
import type { rareFunctions } from './rare-functions.ts'

/** All take and give f32 unless their text says otherwise. */
export const functions = {
  is_nan: `fn is_nan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }`,

  nan_max: `fn nan_max(a: f32, b: f32) -> f32 { return select(select(max(a, b), b, is_nan(b)), a, is_nan(a)); }`,

  nan_min: `fn nan_min(a: f32, b: f32) -> f32 { return select(select(min(a, b), b, is_nan(b)), a, is_nan(a)); }`,

  // exp(x) = 2^n exp(r), |r| <= ln2/2: 1 + r + r^2 Q(r), 2^-28. The scale is applied in two halves, so that it reaches
  // infinity and the subnormals.
  exp_of: `fn exp_of(x: f32) -> f32 {
  let c = clamp(x, -105f, 90f);
  let n = round(c * 1.442695f);
  let r = (c - n * 0.69314575f) - n * 0.0000014286068f;
  let q = fma(fma(fma(fma(0.0013820775f, r, 0.008369249f), r, 0.04166828f), r, 0.16666517f), r, 0.49999994f);
  let p = 1f + fma(r * r, q, r);
  let i = i32(n);
  let h = i >> 1u;
  let y = p * bitcast<f32>(u32(h + 127) << 23u) * bitcast<f32>(u32(i - h + 127) << 23u);
  return select(y, x, is_nan(x));
}`,

  // log(2^e m) with m in [sqrt(1/2), sqrt(2)), f = m - 1: f - f^2/2 + f^3 P(f), 2^-30. The two parts of the result, the
  // second the smaller, sum to about 30 bits: pow needs them.
  log_series: `fn log_series(f: f32) -> f32 {
  return fma(fma(fma(fma(fma(fma(fma(fma(0.06749129f, f, -0.11672435f), f, 0.11884766f), f, -0.12406004f), f, 0.14220208f), f, -0.16667993f), f, 0.20002076f), f, -0.2500001f), f, 0.33333313f);
}`,
  log_parts: `fn log_parts(x: f32) -> vec2f {
  let tiny = x < 1.1754944e-38f;
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
  let eh = e * 0.69314575f;
  let a = f - sh;
  let al = (f - a) - sh;
  let b = eh + a;
  let big = select(a, eh, abs(eh) > abs(a));
  let small = select(eh, a, abs(eh) > abs(a));
  let bl = (big - b) + small;
  let t = bl + (al - sl + fma(f * f, f * p, e * 0.0000014286068f));
  let high = b + t;
  return vec2f(high, t - (high - b));
}`,

  log_of: `fn log_of(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  if (is_nan(x) || bits == 0x7f800000u) { return x; }
  if ((bits & 0x7fffffffu) == 0u) { return bitcast<f32>(bits | 0xff800000u); }
  if (bits >= 0x80000000u) { return bitcast<f32>(bits | 0x7fc00000u); }
  let l = log_parts(x);
  return l.x + l.y;
}`,

  // x + x^3 T(x^2) below 0.6, 2^-28; then 1 - 2 / (exp(2x) + 1)
  tanh_of: `fn tanh_of(x: f32) -> f32 {
  let a = abs(x);
  let t = x * x;
  let q = fma(fma(fma(fma(-0.005900179f, t, 0.020800317f), t, -0.053785123f), t, 0.1333194f), t, -0.333333f);
  let far = 1f - 2f / (exp_of(2f * min(a, 10f)) + 1f);
  let y = select(select(far, -far, x < 0f), fma(x * t, q, x), a < 0.6f);
  return select(y, x, is_nan(x));
}`,

  mul_wide: `fn mul_wide(a: u32, b: u32) -> vec2u {
  let al = a & 0xffffu; let ah = a >> 16u; let bl = b & 0xffffu; let bh = b >> 16u;
  let low = al * bl;
  let mid = ah * bl + (low >> 16u);
  let cross = al * bh + (mid & 0xffffu);
  return vec2u((low & 0xffffu) | (cross << 16u), ah * bh + (mid >> 16u) + (cross >> 16u));
}`,

  // Payne & Hanek: the bits of 2/pi that matter for the quadrant and 64 bits of the fraction, times the 24 bits of x
  reduce_far: `const two_over_pi = array<u32, 8>(0u, 0xa2f9836eu, 0x4e441529u, 0xfc2757d1u, 0xf534ddc0u, 0xdb629599u, 0x3c439041u, 0xfe5163abu);
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
  let r = (f32(high) * 2.3283064e-10f + f32(low) * 5.421011e-20f) * 1.57079633f;
  return vec2f(select(r, -r, negative != (bits >= 0x80000000u)), f32(select(quadrant & 3u, (4u - quadrant) & 3u, bits >= 0x80000000u)));
}`,

  // x = quadrant * pi/2 + r, |r| <= pi/4; Cody & Waite in four parts, of which the products of three are exact
  reduce_angle: `fn reduce_angle(x: f32) -> vec2f {
  if (abs(x) < 8000f) {
    let n = round(x * 0.63661977f);
    let r = (((x - n * 1.5703125f) - n * 0.0004837513f) - n * 7.5495336e-8f) - n * 2.563344e-12f;
    return vec2f(r, f32(i32(n) & 3));
  }
  return reduce_far(x);
}`,

  // on |r| <= pi/4: r + r^3 S(r^2), 2^-32, and 1 - r^2/2 + r^4 C(r^2), 2^-37
  sin_cos: `fn sin_cos(x: f32) -> vec2f {
  let bits = bitcast<u32>(x);
  if ((bits & 0x7f800000u) == 0x7f800000u) { return vec2f(bitcast<f32>(bits | 0x7fc00000u)); }
  let a = reduce_angle(x);
  let t = a.x * a.x;
  let s = fma(a.x * t, fma(fma(fma(0.0000028308018f, t, -0.00019852983f), t, 0.008333379f), t, -0.16666667f), a.x);
  let c = fma(t * t, fma(fma(fma(-2.8859313e-7f, t, 0.000024821911f), t, -0.001388898f), t, 0.041666668f), fma(t, -0.5f, 1f));
  let q = u32(a.y);
  let sine = select(s, c, (q & 1u) != 0u);
  let cosine = select(c, s, (q & 1u) != 0u);
  return vec2f(select(sine, -sine, q >= 2u), select(cosine, -cosine, q == 1u || q == 2u));
}`,
  sin_of: `fn sin_of(x: f32) -> f32 { return select(sin_cos(x).x, x, x == 0f); }`,
  cos_of: `fn cos_of(x: f32) -> f32 { return sin_cos(x).y; }`,

  // to integers: truncated, saturated, NaN gives 0
  to_i32: `fn to_i32(x: f32) -> i32 {
  if (is_nan(x)) { return 0; }
  if (x >= 2147483648f) { return 2147483647; }
  return select(i32(max(x, -2147483648f)), i32(-2147483648), x <= -2147483648f);
}`,
  to_u32: `fn to_u32(x: f32) -> u32 {
  if (is_nan(x)) { return 0u; }
  if (x >= 4294967296f) { return 0xffffffffu; }
  return u32(max(x, 0f));
}`,

  // to the nearest f16 or bf16 and back, halves to even
  round_f16: `fn round_f16(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  let size = bits & 0x7fffffffu;
  let sign = bits & 0x80000000u;
  if (size > 0x7f800000u) { return x; }
  // below 2^-14 the spacing is 2^-24, that of f32 in [0.5, 1)
  let low = f32(bitcast<u32>(bitcast<f32>(size) + 0.5f) - 0x3f000000u) * 5.9604645e-8f;
  let even = (size + 0xfffu + ((size >> 13u) & 1u)) & 0xffffe000u;
  let y = select(select(even, 0x7f800000u, size >= 0x477ff000u), bitcast<u32>(low), size < 0x38800000u);
  return bitcast<f32>(sign | y);
}`,
  round_bf16: `fn round_bf16(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  let even = (bits + 0x7fffu + ((bits >> 16u) & 1u)) & 0xffff0000u;
  return bitcast<f32>(select(even, bits | 0x00400000u, (bits & 0x7fffffffu) > 0x7f800000u));
}`,
} as const

export const rare = new Later(() => import('./rare-functions.ts'))

export type FunctionName = keyof typeof functions | keyof typeof rareFunctions

/** Whether the text of a function comes with the module of rare ones. */
export const isRare = (name: string): boolean => !(name in functions)

/** The text of the named functions and of those they call, each once, before its callers. */
export function functionText(names: Iterable<FunctionName>): string {
  const placed = new Set<string>()
  const text: string[] = []
  const all: Readonly<Record<string, string>> = [...names].some(isRare)
    ? { ...functions, ...rare.module.rareFunctions }
    : functions
  const place = (name: string): void => {
    if (placed.has(name)) return
    placed.add(name)
    for (const [, called] of all[name].matchAll(/(\w+)\(/g)) if (called in all) place(called)
    text.push(all[name])
  }
  for (const name of [...names].sort()) place(name)
  return text.join('\n')
}
