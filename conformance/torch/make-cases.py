"""Writes cases of torch's ops, with gradients, for `pnpm conformance torch-ops <folder>`: python3 make-cases.py <file.json[.gz]>.

Whoever has PyTorch can make more than the reference set has; results are those of the installed version, in float32 on the CPU.
"""
import gzip
import json
import sys

import torch
import torch.nn.functional as F

torch.manual_seed(0)
cases = []


def stored(t):
    t = t.detach()
    flat = [float(v) if t.dtype.is_floating_point else int(v) for v in t.flatten().tolist()]
    return {"shape": list(t.shape), "dtype": str(t.dtype).replace("torch.", ""), "data": flat}


def case(op, run, inputs, attrs=None, grads=True):
    """`run(**inputs)` and the gradients of its float inputs, or of those that `grads` names, for random gradients of its float outputs."""
    leaves = {n: t.clone().requires_grad_(t.dtype.is_floating_point and (grads is True or bool(grads) and n in grads))
              for n, t in inputs.items()}
    result = run(**leaves)
    outputs = list(result) if isinstance(result, (tuple, list)) else [result]
    entry = {"op": op, "attrs": attrs or {}, "inputs": {n: stored(t) for n, t in inputs.items()},
             "outputs": [stored(o) for o in outputs]}
    differentiable = [o.requires_grad for o in outputs]
    if any(differentiable):
        # gradients are matched with outputs by position, so those without come last or not at all
        count = differentiable.index(False) if False in differentiable else len(outputs)
        if count:
            weights = [torch.randn_like(o) for o in outputs[:count]]
            torch.autograd.backward(outputs[:count], weights)
            entry["grad_output"] = [stored(w) for w in weights] if count > 1 else stored(weights[0])
            entry["grads"] = {n: stored(t.grad) for n, t in leaves.items() if t.grad is not None}
    cases.append(entry)


r = torch.randn


def positive(*shape):
    return torch.rand(*shape) * 3 + 0.2


def unit(*shape):
    return torch.rand(*shape) * 1.6 - 0.8


def ints(high, *shape, low=0):
    return torch.randint(low, high, shape)


x, row = r(2, 5, 8), r(5, 8)

# elementwise
for name in ["atan", "sinh", "cosh", "asinh", "exp2", "sinc", "erfc", "deg2rad", "rad2deg", "neg", "abs", "sin", "cos",
             "expm1", "erf", "square", "sign", "floor", "ceil", "trunc", "frac", "sigmoid", "tanh", "positive"]:
    case(name, lambda x, f=getattr(torch, name): f(x), {"x": row})
for name in ["log2", "log10", "log1p", "rsqrt", "reciprocal", "lgamma", "digamma", "tan"]:
    case(name, lambda x, f=getattr(torch, name): f(x), {"x": positive(5, 8)})
for name in ["asin", "acos", "atanh", "erfinv"]:
    case(name, lambda x, f=getattr(torch, name): f(x), {"x": unit(5, 8)})
case("acosh", lambda x: torch.acosh(x), {"x": positive(5, 8) + 1})
case("polygamma", lambda x: torch.polygamma(2, x), {"x": positive(4, 4)}, {"n": 2})
case("mvlgamma", lambda x: torch.mvlgamma(x, 3), {"x": positive(6) + 2}, {"p": 3})
case("ndtr", lambda x: torch.special.ndtr(x), {"x": row})
case("ndtri", lambda x: torch.special.ndtri(x), {"x": torch.rand(12) * 0.9 + 0.05})
case("entr", lambda x: torch.special.entr(x), {"x": positive(7)})
case("logit", lambda x: torch.logit(x, 1e-3), {"x": torch.rand(9)}, {"eps": 1e-3})
case("round", lambda x: torch.round(x), {"x": row * 3})
case("clamp", lambda x: torch.clamp(x, -0.5, 0.75), {"x": row}, {"min": -0.5, "max": 0.75})
case("clamp_min", lambda x: torch.clamp(x, min=0.1), {"x": row}, {"min": 0.1})
for name in ["copysign", "hypot", "logaddexp", "logaddexp2", "fmax", "fmin", "atan2", "maximum", "minimum", "sub"]:
    case(name, lambda a, b, f=getattr(torch, name): f(a, b), {"a": row, "b": r(8)})
case("floor_divide", lambda a, b: torch.floor_divide(a, b), {"a": row, "b": r(5, 1)}, grads=False)
case("floor_divide_int", lambda a, b: torch.div(a, b, rounding_mode="floor"), {"a": ints(20, 12, low=-20), "b": ints(6, 12, low=1)})
case("remainder", lambda a, b: torch.remainder(a, b), {"a": row, "b": positive(5, 8)})
case("remainder_scalar", lambda a: torch.remainder(a, 1.5), {"a": row}, {"other": 1.5})
case("fmod", lambda a, b: torch.fmod(a, b), {"a": row, "b": positive(5, 8)})
case("xlogy", lambda a, b: torch.xlogy(a, b), {"a": row, "b": positive(5, 8)})
case("xlog1py", lambda a, b: torch.special.xlog1py(a, b), {"a": row, "b": positive(5, 8)})
case("pow_tensor", lambda a, b: torch.pow(a, b), {"a": positive(5, 8), "b": r(8)})
case("pow", lambda x: torch.pow(x, 0.5), {"x": positive(4)}, {"p": 0.5})
case("pow", lambda x: torch.pow(x, -2), {"x": r(4)}, {"p": -2})
case("heaviside", lambda a, b: torch.heaviside(a, b), {"a": torch.tensor([-1.0, 0.0, 2.0]), "b": torch.tensor([0.5])}, grads=False)
for name in ["eq", "ne", "lt", "le", "gt", "ge"]:
    case(name, lambda a, b, f=getattr(torch, name): f(a, b), {"a": ints(4, 5, 8).float(), "b": ints(4, 8).float()}, grads=False)
    case(name + "_scalar", lambda a, f=getattr(torch, name): f(a, 2), {"a": ints(4, 5, 8)}, {"other": 2})
for name in ["bitwise_and", "bitwise_or", "bitwise_xor"]:
    case(name, lambda a, b, f=getattr(torch, name): f(a, b), {"a": ints(100, 9, low=-100), "b": ints(100, 9)})
case("bitwise_left_shift", lambda a, b: torch.bitwise_left_shift(a, b), {"a": ints(100, 9, low=-100), "b": ints(5, 9)})
case("bitwise_right_shift", lambda a, b: torch.bitwise_right_shift(a, b), {"a": ints(100, 9, low=-100), "b": ints(5, 9)})
case("bitwise_not", lambda x: torch.bitwise_not(x), {"x": ints(100, 9, low=-100)})
case("gcd", lambda a, b: torch.gcd(a, b), {"a": ints(60, 12, low=-60), "b": ints(60, 12)})
case("lcm", lambda a, b: torch.lcm(a, b), {"a": ints(30, 12, low=1), "b": ints(30, 12, low=1)})
for name in ["logical_and", "logical_or", "logical_xor"]:
    case(name, lambda a, b, f=getattr(torch, name): f(a, b), {"a": ints(2, 9).bool(), "b": ints(2, 9).bool()})
case("lerp", lambda a, b: torch.lerp(a, b, 0.3), {"a": row, "b": r(5, 8)}, {"weight": 0.3})
case("lerp_tensor", lambda a, b, w: torch.lerp(a, b, w), {"a": row, "b": r(5, 8), "w": r(5, 8)})
case("addcmul", lambda x, t1, t2: torch.addcmul(x, t1, t2, value=0.5), {"x": row, "t1": r(5, 8), "t2": r(8)}, {"value": 0.5})
case("addcdiv", lambda x, t1, t2: torch.addcdiv(x, t1, t2, value=0.5), {"x": row, "t1": r(5, 8), "t2": positive(8)}, {"value": 0.5})
case("where", lambda c, a, b: torch.where(c, a, b), {"c": ints(2, 5, 8).bool(), "a": row, "b": r(8)})

# activations
for name in ["relu6", "selu", "softsign", "tanhshrink", "logsigmoid", "hardsigmoid", "silu", "mish", "hardswish"]:
    case(name, lambda x, f=getattr(F, name): f(x), {"x": row * 3})
case("hardtanh", lambda x: F.hardtanh(x, -0.5, 1.5), {"x": row}, {"min_val": -0.5, "max_val": 1.5})
case("celu", lambda x: F.celu(x, 0.7), {"x": row}, {"alpha": 0.7})
case("elu", lambda x: F.elu(x, 0.7), {"x": row}, {"alpha": 0.7})
case("softplus_beta", lambda x: F.softplus(x, 2, 5), {"x": row * 4}, {"beta": 2, "threshold": 5})
case("softshrink", lambda x: F.softshrink(x, 0.4), {"x": row}, {"lambd": 0.4})
case("hardshrink", lambda x: F.hardshrink(x, 0.4), {"x": row}, {"lambd": 0.4})
case("threshold", lambda x: F.threshold(x, 0.1, 20), {"x": row}, {"threshold": 0.1, "value": 20})
case("prelu", lambda x, w: F.prelu(x, w), {"x": r(2, 4, 5), "w": r(4)})
case("glu", lambda x: F.glu(x, -1), {"x": row}, {"dim": -1})
case("softmin", lambda x: F.softmin(x, 1), {"x": x}, {"dim": 1})
case("gelu", lambda x: F.gelu(x), {"x": row})
case("gelu", lambda x: F.gelu(x, approximate="tanh"), {"x": row}, {"approximate": "tanh"})

# reductions, scans, sorting
for d in [None, 0, -1, [0, 2]]:
    attrs = {} if d is None else {"dim": d}
    for name in ["sum", "mean"]:
        case(name, lambda x, f=getattr(torch, name), d=d: f(x) if d is None else f(x, dim=d), {"x": x}, attrs)
    case("var", lambda x, d=d: torch.var(x, dim=d, unbiased=False), {"x": x}, {**attrs, "unbiased": False})
    case("norm", lambda x, d=d: torch.norm(x) if d is None else torch.norm(x, dim=d), {"x": x}, attrs)
    case("vector_norm", lambda x, d=d: torch.linalg.vector_norm(x, 3, dim=d), {"x": x}, {**attrs, "ord": 3})
case("std", lambda x: torch.std(x, dim=-1, keepdim=True), {"x": x}, {"dim": -1, "keepdim": True})
case("prod", lambda x: torch.prod(x, 1), {"x": x}, {"dim": 1})
case("amax", lambda x: torch.amax(x, 1), {"x": x}, {"dim": 1})
case("min_dim", lambda x: torch.min(x, -1), {"x": x}, {"dim": -1})
case("argmax", lambda x: torch.argmax(x, 1), {"x": x}, {"dim": 1})
case("argmin", lambda x: torch.argmin(x, -1, keepdim=True), {"x": x}, {"dim": -1, "keepdim": True})
case("any", lambda x: torch.any(x, 1), {"x": ints(2, 5, 8).bool()}, {"dim": 1})
case("all", lambda x: torch.all(x, 1), {"x": ints(2, 5, 8).bool()}, {"dim": 1})
case("nansum", lambda x: torch.nansum(x, 1), {"x": row}, {"dim": 1}, grads=False)
case("nanmean", lambda x: torch.nanmean(x, 1), {"x": row}, {"dim": 1}, grads=False)
case("count_nonzero", lambda x: torch.count_nonzero(x, 1), {"x": ints(3, 5, 8).float()}, {"dim": 1}, grads=False)
case("var_mean", lambda x: torch.var_mean(x, -1), {"x": x}, {"dim": -1})
case("std_mean", lambda x: torch.std_mean(x, -1), {"x": x}, {"dim": -1})
case("aminmax", lambda x: tuple(torch.aminmax(x, dim=1)), {"x": x}, {"dim": 1}, grads=False)
case("dist", lambda a, b: torch.dist(a, b, 2), {"a": row, "b": r(5, 8)}, {"p": 2})
case("renorm", lambda x: torch.renorm(x, 2, 0, 1.0), {"x": row}, {"p": 2, "dim": 0, "maxnorm": 1.0})
case("logsumexp", lambda x: torch.logsumexp(x, [0, 2], keepdim=True), {"x": x}, {"dim": [0, 2], "keepdim": True})
case("cumsum", lambda x: torch.cumsum(x, -1), {"x": x}, {"dim": -1})
case("cumprod", lambda x: torch.cumprod(x, 1), {"x": x}, {"dim": 1})
case("logcumsumexp", lambda x: torch.logcumsumexp(x, 1), {"x": x}, {"dim": 1})
case("cummax", lambda x: torch.cummax(x, 1), {"x": x}, {"dim": 1})
case("cummin", lambda x: torch.cummin(x, 1), {"x": x}, {"dim": 1})
case("diff", lambda x: torch.diff(x, 2, 1), {"x": x}, {"n": 2, "dim": 1})
case("trapezoid", lambda x: torch.trapezoid(x, dx=0.5, dim=1), {"x": x}, {"dx": 0.5, "dim": 1})
case("sort", lambda x: torch.sort(x, 1, descending=True), {"x": x}, {"dim": 1, "descending": True})
case("argsort", lambda x: torch.argsort(x, -1), {"x": x}, {"dim": -1})
case("topk", lambda x: torch.topk(x, 3, -1), {"x": x}, {"k": 3, "dim": -1})
case("topk", lambda x: torch.topk(x, 2, 1, largest=False), {"x": x}, {"k": 2, "dim": 1, "largest": False})
case("kthvalue", lambda x: torch.kthvalue(x, 2, -1), {"x": x}, {"k": 2, "dim": -1})
case("median", lambda x: torch.median(x), {"x": x})
case("median", lambda x: torch.median(x, -1)[0], {"x": x}, {"dim": -1})
case("quantile", lambda x: torch.quantile(x, 0.3, dim=-1), {"x": x}, {"q": 0.3, "dim": -1})
case("searchsorted", lambda sorted, values: torch.searchsorted(sorted, values), {"sorted": torch.sort(r(9))[0], "values": r(6)}, grads=False)
case("bucketize", lambda x, boundaries: torch.bucketize(x, boundaries), {"x": row, "boundaries": torch.sort(r(5))[0]}, grads=False)
case("histc", lambda x: torch.histc(x, 6, -2, 2), {"x": row}, {"bins": 6, "min": -2, "max": 2}, grads=False)
case("bincount", lambda x: torch.bincount(x, minlength=9), {"x": ints(7, 20)}, {"minlength": 9})
case("cov", lambda x: torch.cov(x), {"x": r(3, 9)})
case("corrcoef", lambda x: torch.corrcoef(x), {"x": r(3, 9)})

# movement and indexing
case("squeeze", lambda x: x.squeeze(1), {"x": r(3, 1, 4)}, {"dim": 1})
case("unsqueeze", lambda x: x.unsqueeze(1), {"x": row}, {"dim": 1})
case("flatten", lambda x: x.flatten(1), {"x": x}, {"start_dim": 1})
case("unflatten", lambda x: x.unflatten(2, (2, 4)), {"x": x}, {"dim": 2, "sizes": [2, 4]})
case("movedim", lambda x: torch.movedim(x, [0, 1], [2, 0]), {"x": x}, {"source": [0, 1], "destination": [2, 0]})
case("transpose", lambda x: x.transpose(0, 2), {"x": x}, {"dim0": 0, "dim1": 2})
case("permute", lambda x: x.permute(2, 0, 1), {"x": x}, {"dims": [2, 0, 1]})
case("reshape", lambda x: x.reshape(4, 20), {"x": x}, {"shape": [4, 20]})
case("expand", lambda x: x.expand(3, 4, 5), {"x": r(3, 1, 5)}, {"size": [3, 4, 5]})
case("flip", lambda x: torch.flip(x, [0, 2]), {"x": x}, {"dims": [0, 2]})
case("fliplr", lambda x: torch.fliplr(x), {"x": row})
case("roll", lambda x: torch.roll(x, [1, -2], [0, 2]), {"x": x}, {"shifts": [1, -2], "dims": [0, 2]})
case("roll_flat", lambda x: torch.roll(x, 3), {"x": x}, {"shifts": 3})
case("rot90", lambda x: torch.rot90(x, 3, [1, 2]), {"x": x}, {"k": 3, "dims": [1, 2]})
case("narrow", lambda x: x.narrow(1, 1, 3), {"x": x}, {"dim": 1, "start": 1, "length": 3})
case("select", lambda x: x.select(1, -2), {"x": x}, {"dim": 1, "index": -2})
case("tile", lambda x: torch.tile(x, (2, 3)), {"x": row}, {"dims": [2, 3]})
case("repeat", lambda x: x.repeat(2, 1, 3), {"x": row}, {"repeats": [2, 1, 3]})
case("repeat_interleave", lambda x: torch.repeat_interleave(x, 3, 1), {"x": row}, {"repeats": 3, "dim": 1})
case("chunk", lambda x: torch.chunk(x, 3, 2), {"x": x}, {"chunks": 3, "dim": 2})
case("split", lambda x: torch.split(x, 2, 1), {"x": x}, {"split_size": 2, "dim": 1})
case("split_sizes", lambda x: torch.split(x, [1, 4], 1), {"x": x}, {"split_sizes": [1, 4], "dim": 1})
case("tensor_split", lambda x: torch.tensor_split(x, 3, 2), {"x": x}, {"indices_or_sections": 3, "dim": 2})
case("unbind", lambda x: torch.unbind(x, 1), {"x": x}, {"dim": 1})
case("stack", lambda a, b: torch.stack([a, b], 1), {"a": row, "b": r(5, 8)}, {"dim": 1})
case("hstack", lambda a, b: torch.hstack([a, b]), {"a": row, "b": r(5, 2)})
case("vstack", lambda a, b: torch.vstack([a, b]), {"a": row, "b": r(8)})
case("meshgrid", lambda a, b: torch.meshgrid(a, b, indexing="xy"), {"a": r(3), "b": r(4)}, {"indexing": "xy"})
case("diag", lambda x: torch.diag(x, 1), {"x": r(4)}, {"diagonal": 1})
case("diag", lambda x: torch.diag(x, -1), {"x": row}, {"diagonal": -1})
case("diagonal", lambda x: torch.diagonal(x, 1, 1, 2), {"x": x}, {"offset": 1, "dim1": 1, "dim2": 2})
case("diag_embed", lambda x: torch.diag_embed(x, 1), {"x": row}, {"offset": 1})
case("trace", lambda x: torch.trace(x), {"x": row})
case("tril", lambda x: torch.tril(x, 1), {"x": x}, {"diagonal": 1})
case("triu", lambda x: torch.triu(x, -1), {"x": x}, {"diagonal": -1})
case("pad", lambda x: F.pad(x, (1, 2, 0, 1), value=0.5), {"x": x}, {"pad": [1, 2, 0, 1], "value": 0.5})
for mode in ["reflect", "replicate", "circular"]:
    case("pad", lambda x, m=mode: F.pad(x, (2, 1), mode=m), {"x": x}, {"pad": [2, 1], "mode": mode})
case("unfold", lambda x: F.unfold(x, (2, 3), padding=1, stride=2), {"x": r(2, 3, 5, 6)}, {"kernel_size": [2, 3], "padding": 1, "stride": 2})
case("fold", lambda x: F.fold(x, (4, 5), (2, 2)), {"x": r(2, 12, 12)}, {"output_size": [4, 5], "kernel_size": [2, 2]})
case("unfold_dim", lambda x: x.unfold(2, 3, 2), {"x": x}, {"dim": 2, "size": 3, "step": 2})
case("vander", lambda x: torch.vander(x, 4), {"x": r(5)}, {"N": 4}, grads=False)
case("take", lambda x, index: torch.take(x, index), {"x": row, "index": ints(40, 3, 4)})
case("take_along_dim", lambda x, index: torch.take_along_dim(x, index, 1), {"x": row, "index": ints(8, 5, 3)}, {"dim": 1})
case("gather", lambda x, index: torch.gather(x, 0, index), {"x": row, "index": ints(5, 7, 8)}, {"dim": 0})
case("index_select", lambda x, index: torch.index_select(x, 1, index), {"x": row, "index": ints(8, 4)}, {"dim": 1})
case("index_add", lambda x, index, src: torch.index_add(x, 0, index, src), {"x": row, "index": torch.tensor([1, 1, 4]), "src": r(3, 8)}, {"dim": 0})
case("index_copy", lambda x, index, src: torch.index_copy(x, 0, index, src), {"x": row, "index": torch.tensor([1, 0, 4]), "src": r(3, 8)}, {"dim": 0})
case("index_fill", lambda x, index: torch.index_fill(x, 1, index, 2.5), {"x": row, "index": torch.tensor([1, 5])}, {"dim": 1, "value": 2.5})
case("scatter", lambda x, index, src: torch.scatter(x, 1, index, src), {"x": row, "index": torch.stack([torch.randperm(8)[:3] for _ in range(5)]), "src": r(5, 3)}, {"dim": 1})
case("scatter_add", lambda x, index, src: torch.scatter_add(x, 1, index, src), {"x": row, "index": ints(8, 5, 6), "src": r(5, 6)}, {"dim": 1})
for mode in ["sum", "mean", "amax", "amin"]:
    case("scatter_reduce", lambda x, index, src, m=mode: torch.scatter_reduce(x, 1, index, src, m), {"x": row, "index": ints(8, 5, 6), "src": r(5, 6)}, {"dim": 1, "reduce": mode})
case("masked_fill", lambda x, mask: x.masked_fill(mask, 3.0), {"x": row, "mask": ints(2, 5, 8).bool()}, {"value": 3.0})
case("one_hot", lambda x: F.one_hot(x, 6), {"x": ints(6, 3, 4)}, {"num_classes": 6})

# products and linear algebra
case("matmul", lambda a, b: a @ b, {"a": r(8), "b": r(8)})
case("matmul", lambda a, b: a @ b, {"a": r(2, 3, 1, 4, 5), "b": r(3, 5, 6)})
case("matmul", lambda a, b: a @ b, {"a": r(3, 4, 5), "b": r(5)})
case("bmm", lambda a, b: torch.bmm(a, b), {"a": r(3, 4, 5), "b": r(3, 5, 2)})
case("dot", lambda a, b: torch.dot(a, b), {"a": r(9), "b": r(9)})
case("outer", lambda a, b: torch.outer(a, b), {"a": r(4), "b": r(3)})
case("kron", lambda a, b: torch.kron(a, b), {"a": r(2, 3), "b": r(3, 2)})
case("addmm", lambda x, a, b: torch.addmm(x, a, b, beta=0.5, alpha=2), {"x": r(2), "a": r(3, 4), "b": r(4, 2)}, {"beta": 0.5, "alpha": 2})
case("baddbmm", lambda x, a, b: torch.baddbmm(x, a, b), {"x": r(2, 3, 2), "a": r(2, 3, 4), "b": r(2, 4, 2)})
case("einsum", lambda a, b, c: torch.einsum("bij,bjk,k->bi", a, b, c), {"a": r(2, 3, 4), "b": r(2, 4, 5), "c": r(5)}, {"equation": "bij,bjk,k->bi"})
case("einsum_diagonal", lambda a: torch.einsum("ii->i", a), {"a": r(4, 4)}, {"equation": "ii->i"})
case("tensordot", lambda a, b: torch.tensordot(a, b, 2), {"a": r(2, 3, 4), "b": r(3, 4, 5)}, {"dims": 2})
case("tensordot", lambda a, b: torch.tensordot(a, b, ([0, 2], [1, 0])), {"a": r(2, 3, 4), "b": r(4, 2, 5)}, {"dims": [[0, 2], [1, 0]]})
case("cdist", lambda a, b: torch.cdist(a, b), {"a": r(2, 4, 3), "b": r(2, 5, 3)})
case("cdist", lambda a, b: torch.cdist(a, b, 1), {"a": r(4, 3), "b": r(5, 3)}, {"p": 1})
case("bilinear", lambda x1, x2, w, b: F.bilinear(x1, x2, w, b), {"x1": r(3, 4), "x2": r(3, 5), "w": r(2, 4, 5), "b": r(2)})
case("linear", lambda x, w: F.linear(x, w), {"x": r(4), "w": r(3, 4)})
spd = r(2, 4, 4)
spd = spd @ spd.mT + 2 * torch.eye(4)
case("det", lambda x: torch.linalg.det(x), {"x": r(2, 4, 4)})
case("slogdet", lambda x: torch.linalg.slogdet(x)[1], {"x": spd})
cases[-1]["op"] = "logdet"
case("inv", lambda x: torch.linalg.inv(x), {"x": spd})
case("pinv", lambda x: torch.linalg.pinv(x), {"x": r(5, 3)})
case("cholesky", lambda x: torch.linalg.cholesky((x + x.mT) / 2), {"x": spd}, grads=False)
case("eigvalsh", lambda x: torch.linalg.eigvalsh((x + x.mT) / 2), {"x": spd})
case("svdvals", lambda x: torch.linalg.svdvals(x), {"x": r(2, 5, 3)})
case("solve", lambda a, b: torch.linalg.solve(a, b), {"a": spd, "b": r(2, 4, 3)})
case("solve_triangular", lambda a, b: torch.linalg.solve_triangular(a, b, upper=True), {"a": torch.triu(spd), "b": r(2, 4, 3)}, {"upper": True})
case("lstsq", lambda a, b: torch.linalg.lstsq(a, b).solution, {"a": r(6, 3), "b": r(6, 2)}, grads=False)
case("matrix_exp", lambda x: torch.linalg.matrix_exp(x), {"x": r(3, 3)})
case("matrix_power", lambda x: torch.linalg.matrix_power(x, 3), {"x": r(3, 3)}, {"n": 3})
case("matrix_norm", lambda x: torch.linalg.matrix_norm(x, "nuc"), {"x": r(4, 3)}, {"ord": "nuc"})
case("matrix_norm", lambda x: torch.linalg.matrix_norm(x), {"x": r(4, 3)})
case("matrix_norm", lambda x: torch.linalg.matrix_norm(x, float("inf")), {"x": r(4, 3)}, {"ord": "inf"})

# losses and layers
t = r(5, 8)
for reduction in ["mean", "sum", "none"]:
    a = {"reduction": reduction}
    case("mse_loss", lambda x, t, a=a: F.mse_loss(x, t, **a), {"x": row, "t": t}, a)
    case("smooth_l1_loss", lambda x, t, a=a: F.smooth_l1_loss(x, t, beta=0.5, **a), {"x": row, "t": t}, {**a, "beta": 0.5})
    case("l1_loss", lambda x, t, a=a: F.l1_loss(x, t, **a), {"x": row, "t": t}, a)
    case("nll_loss", lambda x, t, a=a: F.nll_loss(x, t, **a), {"x": row.log_softmax(-1), "t": ints(8, 5)}, a)
    case("cross_entropy", lambda x, t, a=a: F.cross_entropy(x, t, label_smoothing=0.2, ignore_index=3, **a), {"x": row, "t": ints(8, 5)}, {**a, "label_smoothing": 0.2, "ignore_index": 3})
    case("binary_cross_entropy", lambda x, t, a=a: F.binary_cross_entropy(x, t, **a), {"x": torch.rand(5, 8) * 0.9 + 0.05, "t": torch.rand(5, 8)}, a)
    case("kl_div", lambda x, t, a=a: F.kl_div(x, t, **a), {"x": row.log_softmax(-1), "t": t.softmax(-1)}, a)
case("cross_entropy_weight", lambda x, t, weight: F.cross_entropy(x, t, weight), {"x": row, "t": ints(8, 5), "weight": positive(8)}, grads="x")
case("cross_entropy_probabilities", lambda x, t: F.cross_entropy(x, t), {"x": row, "t": t.softmax(-1)})
case("cross_entropy_spatial", lambda x, t: F.cross_entropy(x, t), {"x": r(2, 4, 3, 3), "t": ints(4, 2, 3, 3)})
case("bce_with_logits_pos_weight", lambda x, t, pos_weight: F.binary_cross_entropy_with_logits(x, t, pos_weight=pos_weight), {"x": row, "t": torch.rand(5, 8), "pos_weight": positive(8)}, grads="x")
case("poisson_nll_loss", lambda x, t: F.poisson_nll_loss(x, t), {"x": row, "t": ints(9, 5, 8).float()}, grads="x")
case("gaussian_nll_loss", lambda x, t, var: F.gaussian_nll_loss(x, t, var), {"x": row, "t": t, "var": positive(5, 8)})
signs = ints(2, 5).float() * 2 - 1
case("margin_ranking_loss", lambda x1, x2, t: F.margin_ranking_loss(x1, x2, t, 0.3), {"x1": r(5), "x2": r(5), "t": signs}, {"margin": 0.3}, grads=("x", "x1", "x2"))
case("hinge_embedding_loss", lambda x, t: F.hinge_embedding_loss(x, t), {"x": r(5), "t": signs}, grads=("x", "x1", "x2"))
case("soft_margin_loss", lambda x, t: F.soft_margin_loss(x, t), {"x": r(5), "t": signs}, grads=("x", "x1", "x2"))
case("multi_margin_loss", lambda x, t: F.multi_margin_loss(x, t), {"x": row, "t": ints(8, 5)})
case("multilabel_soft_margin_loss", lambda x, t: F.multilabel_soft_margin_loss(x, t), {"x": row, "t": ints(2, 5, 8).float()}, grads="x")
case("cosine_embedding_loss", lambda x1, x2, t: F.cosine_embedding_loss(x1, x2, t, 0.1), {"x1": row, "x2": t, "t": signs}, {"margin": 0.1}, grads=("x", "x1", "x2"))
case("triplet_margin_loss", lambda anchor, positive, negative: F.triplet_margin_loss(anchor, positive, negative), {"anchor": row, "positive": t, "negative": r(5, 8)})
# torch's gradient of the log-probabilities is right only through a softmax before it
case("ctc_loss", lambda log_probs, targets: F.ctc_loss(log_probs, targets, (9, 7), (3, 2)), {"log_probs": r(9, 2, 5).log_softmax(-1), "targets": ints(5, 2, 3, low=1)}, {"input_lengths": [9, 7], "target_lengths": [3, 2]}, grads=False)
case("pairwise_distance", lambda a, b: F.pairwise_distance(a, b), {"a": row, "b": t})
case("cosine_similarity", lambda a, b: F.cosine_similarity(a, b, 0), {"a": row, "b": t}, {"dim": 0})
case("normalize", lambda x: F.normalize(x, dim=1), {"x": row}, {"dim": 1})
case("layer_norm", lambda x: F.layer_norm(x, (8,)), {"x": x})
case("layer_norm", lambda x, w, b: F.layer_norm(x, (5, 8), w, b), {"x": x, "w": r(5, 8), "b": r(5, 8)})
case("instance_norm", lambda x: F.instance_norm(x), {"x": r(2, 3, 4, 4)})
case("group_norm", lambda x: F.group_norm(x, 3), {"x": r(2, 6, 5)}, {"num_groups": 3})
case("local_response_norm", lambda x: F.local_response_norm(x, 3), {"x": r(2, 6, 4)}, {"size": 3})
case("pixel_shuffle", lambda x: F.pixel_shuffle(x, 2), {"x": r(1, 8, 2, 3)}, {"upscale_factor": 2})
case("pixel_unshuffle", lambda x: F.pixel_unshuffle(x, 2), {"x": r(1, 2, 4, 6)}, {"downscale_factor": 2})
case("embedding_bag", lambda w, i: F.embedding_bag(i, w, mode="sum"), {"w": r(9, 4), "i": ints(9, 3, 4)}, {"mode": "sum"})

# convolutions, pooling, resizing
case("conv1d_same", lambda x, w: F.conv1d(x, w, padding="same", dilation=2), {"x": r(2, 3, 9), "w": r(4, 3, 3)}, {"padding": "same", "dilation": 2})
case("conv2d", lambda x, w, b: F.conv2d(x, w, b, stride=(2, 1), padding=(0, 2)), {"x": r(2, 3, 7, 6), "w": r(4, 3, 3, 2), "b": r(4)}, {"stride": [2, 1], "padding": [0, 2]})
case("conv2d_depthwise", lambda x, w: F.conv2d(x, w, groups=4, padding=1), {"x": r(2, 4, 5, 5), "w": r(8, 1, 3, 3)}, {"groups": 4, "padding": 1})
case("conv_transpose1d", lambda x, w: F.conv_transpose1d(x, w, stride=2, dilation=2), {"x": r(2, 4, 5), "w": r(4, 3, 3)}, {"stride": 2, "dilation": 2})
case("conv_transpose2d", lambda x, w: F.conv_transpose2d(x, w, groups=2, padding=1), {"x": r(2, 4, 4, 3), "w": r(4, 2, 3, 3)}, {"groups": 2, "padding": 1})
case("conv_transpose3d", lambda x, w, b: F.conv_transpose3d(x, w, b, stride=2), {"x": r(1, 2, 2, 3, 2), "w": r(2, 3, 2, 2, 2), "b": r(3)}, {"stride": 2})
case("max_pool1d", lambda x: F.max_pool1d(x, 3, 2, 1), {"x": r(2, 3, 9)}, {"kernel_size": 3, "stride": 2, "padding": 1})
case("max_pool2d", lambda x: F.max_pool2d(x, (3, 2), 2, (1, 0), dilation=(1, 2), ceil_mode=True), {"x": r(2, 3, 7, 8)}, {"kernel_size": [3, 2], "stride": 2, "padding": [1, 0], "dilation": [1, 2], "ceil_mode": True})
case("max_pool3d", lambda x: F.max_pool3d(x, 2), {"x": r(1, 2, 4, 4, 4)}, {"kernel_size": 2})
case("avg_pool1d", lambda x: F.avg_pool1d(x, 3, 2, 1), {"x": r(2, 3, 9)}, {"kernel_size": 3, "stride": 2, "padding": 1})
case("avg_pool2d", lambda x: F.avg_pool2d(x, 3, 2, 1, ceil_mode=True, count_include_pad=False), {"x": r(2, 3, 6, 7)}, {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True, "count_include_pad": False})
case("avg_pool3d", lambda x: F.avg_pool3d(x, 2), {"x": r(1, 2, 4, 4, 4)}, {"kernel_size": 2})
case("adaptive_avg_pool2d", lambda x: F.adaptive_avg_pool2d(x, (3, 2)), {"x": r(2, 3, 7, 5)}, {"output_size": [3, 2]})
case("adaptive_max_pool2d", lambda x: F.adaptive_max_pool2d(x, (3, 2)), {"x": r(2, 3, 7, 5)}, {"output_size": [3, 2]})
case("interpolate", lambda x: F.interpolate(x, size=(5, 7), mode="bilinear", align_corners=True), {"x": r(1, 2, 3, 4)}, {"size": [5, 7], "mode": "bilinear", "align_corners": True})
case("interpolate", lambda x: F.interpolate(x, scale_factor=1.5, mode="bicubic", align_corners=False), {"x": r(1, 2, 4, 4)}, {"scale_factor": 1.5, "mode": "bicubic", "align_corners": False})
case("interpolate", lambda x: F.interpolate(x, size=5, mode="linear"), {"x": r(1, 2, 8)}, {"size": 5, "mode": "linear"})
case("interpolate", lambda x: F.interpolate(x, scale_factor=2, mode="trilinear"), {"x": r(1, 1, 2, 3, 2)}, {"scale_factor": 2, "mode": "trilinear"})
case("interpolate", lambda x: F.interpolate(x, size=(2, 3), mode="area"), {"x": r(1, 2, 5, 6)}, {"size": [2, 3], "mode": "area"})

# recurrent layers: two layers, both directions; here the parameters of a module are inputs
for name, make in [("lstm", torch.nn.LSTM), ("gru", torch.nn.GRU), ("rnn", torch.nn.RNN)]:
    net = make(4, 3, num_layers=2, bidirectional=True, batch_first=True)
    given = r(2, 5, 4).requires_grad_()
    output = net(given)[0]
    weight = torch.randn_like(output)
    output.backward(weight)
    inputs = {"x": given, **dict(net.named_parameters())}
    cases.append({
        "op": name, "attrs": {"hidden": 3, "num_layers": 2, "bidirectional": True, "batch_first": True},
        "inputs": {n: stored(t) for n, t in inputs.items()}, "outputs": [stored(output)],
        "grad_output": stored(weight), "grads": {n: stored(t.grad) for n, t in inputs.items()}})

path = sys.argv[1]
with (gzip.open(path, "wt") if path.endswith(".gz") else open(path, "w")) as f:
    json.dump({"cases": cases}, f)
print(len(cases), "cases")
