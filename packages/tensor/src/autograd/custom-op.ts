// An op of the user's own: a kernel in WGSL for WebGPU, the same in tensor ops for every other device, and a derivative. The kernel's
// node is a primitive like any other, so it is scheduled, differentiated and batched with the rest.

import { CairnError, DTypeError, listed, ShapeError } from '../errors.ts'
import type { Custom, DerivativeRule } from '../graph/node.ts'
import { withDerivative } from '../ops/shortcut.ts'
import type { Typed } from '../primitives/types.ts'
import { sameShape } from '../shape.ts'
import { apply, checkSameDevice, type Tensor } from '../tensor.ts'
import { vjp } from './grad.ts'

export interface CustomOpOptions<A extends readonly Tensor[]> {
  /** for errors and profiles */
  readonly name: string
  /** What the kernel calls its operands, in order; in it, `x_shape` is an array of u32 (not for 0-d operands) and `x_size` the number of elements. */
  readonly inputs: { readonly [K in keyof A]: string }
  /** Shape and dtype of the result; dtype f32, i32, u32 or bool. May throw for what the op does not take. */
  readonly infer: (...inputs: { readonly [K in keyof A]: Typed }) => Typed
  /**
   * WGSL that defines `fn kernel(i: u32)`, called once for each element of the result (or each row). It reads its operands and writes `out` as
   * contiguous arrays: `out[i] = x[i]`. f16 and bf16 are f32 here, narrow integers i32 or u32, bool u32.
   */
  readonly wgsl: string
  /** What the kernel is called for; a row is everything along the last axis. Default: 'element'. */
  readonly each?: 'element' | 'row'
  /** The same in tensor ops: what runs on other devices, and under vmap. */
  readonly fallback: (...inputs: A) => Tensor
  /** Gradients of the inputs (null where none flows); default: those of the fallback. */
  readonly derivative?: (g: Tensor, inputs: A, out: Tensor) => readonly (Tensor | null)[]
  /**
   * The op for many examples at once: those inputs that are batched have an axis of `size` examples in front, and so has the result. Default:
   * the fallback is batched.
   */
  readonly vmap?: (size: number, inputs: A, batched: readonly boolean[]) => Tensor
}

let made = 0

const words = /^[a-z][a-z0-9_]*$/i
const taken: ReadonlySet<string> = new Set(['out', 'p', 'i', 'main', 'kernel', 'item', 'thread', 'workgroup', 'grid'])

/**
 * Makes an op of a kernel of your own. Make it once, not for each call: each is compiled by itself.
 * @throws CairnError for names the kernel cannot use; what the op throws names it by `name`
 */
export function customOp<A extends readonly Tensor[]>(options: CustomOpOptions<A>): (...inputs: A) => Tensor {
  const { name, inputs, wgsl, each = 'element', fallback, derivative, infer } = options
  for (const input of inputs)
    if (
      !words.test(input) ||
      /^b\d/.test(input) ||
      taken.has(input) ||
      inputs.indexOf(input) !== inputs.lastIndexOf(input)
    )
      throw new CairnError(name, `'${input}' cannot be the name of an operand; use letters and digits, each name once`)
  if (!/\bfn\s+kernel\s*\(/.test(wgsl))
    throw new CairnError(name, 'the WGSL must define fn kernel(i: u32), which is called for each element of the result')

  const inferred = (...sources: readonly Typed[]): Typed => {
    const typed = (infer as (...sources: readonly Typed[]) => Typed)(...sources)
    if (!['f32', 'i32', 'u32', 'bool'].includes(typed.dtype))
      throw new DTypeError(
        name,
        `a kernel cannot give ${typed.dtype}; give f32, i32, u32 or bool and convert with .to()`,
      )
    if (each === 'row' && typed.shape.length === 0) throw new ShapeError(name, 'a 0-d result has no rows')
    return { shape: [...typed.shape], dtype: typed.dtype }
  }
  const computed = (sources: readonly Tensor[]): Tensor => {
    const out = fallback(...(sources as A))
    const wanted = inferred(...sources)
    if (!sameShape(out.shape, wanted.shape) || out.dtype !== wanted.dtype)
      throw new ShapeError(
        name,
        `the fallback gives ${listed(out.shape)} ${out.dtype}, infer says ${listed(wanted.shape)} ${wanted.dtype}`,
      )
    return out
  }
  const rule: DerivativeRule = (g, sources, out) =>
    derivative ? derivative(g, sources as A, out) : (vjp((...v: Tensor[]) => computed(v), ...sources)[1](g) as Tensor[])
  const plain = (...sources: Tensor[]): Tensor =>
    derivative ? withDerivative(sources, () => computed(sources), rule) : computed(sources)
  const custom: Custom = {
    name,
    wgsl,
    inputs,
    each,
    infer: inferred,
    plain,
    rule,
    vmap: options.vmap as Custom['vmap'],
  }
  const attributes = { mode: `custom ${made++}`, custom }
  return (...sources: A) => {
    if (sources.length !== inputs.length)
      throw new CairnError(name, `takes ${inputs.length} tensors (${inputs.join(', ')}), got ${sources.length}`)
    const engine = checkSameDevice(name, sources)
    return engine.name === 'webgpu' ? apply('custom', sources, attributes) : plain(...sources)
  }
}
