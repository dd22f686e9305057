// Functions of functions.ts that few programs call, loaded with the first kernel that does.

/** All take and give f32 unless their text says otherwise. */
export const rareFunctions = {
  // exp(x) - 1 near 0: x + x^2 Q(x), |x| < 0.42, 2^-29
  expm1_of: `fn expm1_of(x: f32) -> f32 {
  let q = fma(fma(fma(fma(fma(0.00019822353f, x, 0.0013953857f), x, 0.008333499f), x, 0.041666273f), x, 0.16666666f), x, 0.5f);
  return select(exp_of(x) - 1f, fma(x * x, q, x), abs(x) < 0.42f);
}`,

  // near 0 the series of log in x itself, which loses nothing; elsewhere rounding 1 + x costs little
  log1p_of: `fn log1p_of(x: f32) -> f32 {
  if (x > -0.29f && x < 0.41f) {
    let t = x * x;
    return select(x + fma(t * x, log_series(x), -0.5f * t), x, x == 0f);
  }
  return log_of(1f + x);
}`,

  // x + x E(x^2) below 0.92, 2^-30; then 1 - exp(-G(|x|)), which is 1 in f32 from 4 on
  erf_of: `fn erf_of(x: f32) -> f32 {
  let a = min(abs(x), 4f);
  let t = x * x;
  let e = fma(fma(fma(fma(fma(fma(0.0000837864f, t, -0.00081442174f), t, 0.005201041f), t, -0.02685927f), t, 0.11283687f), t, -0.37612632f), t, 0.12837917f);
  let g = fma(fma(fma(fma(fma(fma(fma(0.000020906422f, a, -0.00043227393f), a, 0.004160422f), a, -0.025091307f), a, 0.10823644f), a, 0.63338673f), a, 1.1294951f), a, -0.00017055204f);
  let far = 1f - exp_of(-g);
  let y = select(select(far, -far, x < 0f), fma(x, e, x), abs(x) < 0.92f);
  return select(y, x, is_nan(x));
}`,
  tan_of: `fn tan_of(x: f32) -> f32 { let p = sin_cos(x); return select(p.x / p.y, x, x == 0f); }`,

  // atan on [0, 1]: above tan(pi/8) by the addition theorem, then t + t^3 A(t^2), 2^-30
  atan2_of: `fn atan2_of(y: f32, x: f32) -> f32 {
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
  let p = fma(t * u, fma(fma(fma(fma(-0.060309622f, u, 0.10575906f), u, -0.14241228f), u, 0.19998357f), u, -0.33333313f), t);
  var a = select(p, p + 0.7853982f, wide || both);
  a = select(a, 1.57079633f - a, ay > ax);
  a = select(a, 3.1415927f - a, bitcast<u32>(x) >= 0x80000000u);
  return select(a, -a, bitcast<u32>(y) >= 0x80000000u);
}`,

  // The remainder of x / y with the sign of x, exactly: binary long division of the magnitudes. Every step is exact.
  mod_of: `fn mod_of(x: f32, y: f32) -> f32 {
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

  // Small integral exponents by multiplication, so that squares and cubes are what they seem; the rest as
  // exp(y log|x|) with the logarithm in two parts. Special cases as IEEE 754 pow.
  pow_of: `fn pow_of(x: f32, y: f32) -> f32 {
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

  // Integers: by squaring, wrapping; a negative exponent gives the truncated quotient.
  pow_i32: `fn pow_i32(x: i32, y: i32) -> i32 {
  if (y < 0) { return select(select(0, select(1, -1, (y & 1) != 0), x == -1), 1, x == 1); }
  var r = 1;
  var b = x;
  for (var n = u32(y); n > 0u; n >>= 1u) {
    if ((n & 1u) == 1u) { r *= b; }
    b *= b;
  }
  return r;
}`,
  pow_u32: `fn pow_u32(x: u32, y: u32) -> u32 {
  var r = 1u;
  var b = x;
  for (var n = y; n > 0u; n >>= 1u) {
    if ((n & 1u) == 1u) { r *= b; }
    b *= b;
  }
  return r;
}`,
} as const
