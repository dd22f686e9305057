// The shader around a user's kernel: its buffers by the names it gives them, their sizes, and one call for each item.

import { type Dim, productDim } from '../../kernel/dim.ts'
import type { CustomKernel } from '../../kernel/ir.ts'
import { type Shader, workgroupNumber } from './print.ts'
import type { ThreadLimits } from './strategy.ts'
import { type How, Writer } from './writer.ts'

export function printCustom(
  kernel: CustomKernel,
  limits: ThreadLimits,
  alias: readonly number[],
  how: How = {},
): Shader {
  const writer = new Writer(kernel.buffers, alias, { half: how.half })
  const threads = Math.min(64, limits.threads)
  const size = (d: Dim): string => writer.uniforms.unsigned(d)
  const items = productDim(kernel.items)
  writer.line(`let item = (${workgroupNumber}) * ${threads}u + thread;`)
  writer.line(`if (item >= ${size(items)}) { return; }`)
  let declared = ''
  let { wgsl } = kernel
  for (const { name, buffer, shape } of kernel.operands) {
    declared += `var<private> ${name}_size: u32;\n`
    writer.line(`${name}_size = ${size(productDim(shape))};`)
    if (shape.length) {
      declared += `var<private> ${name}_shape: array<u32, ${shape.length}>;\n`
      writer.line(`${name}_shape = array<u32, ${shape.length}>(${shape.map(size).join(', ')});`)
    }
    wgsl = wgsl.replace(wordOf(name), `b${alias[buffer]}`)
  }
  writer.line('kernel(item);')
  return {
    code: writer.shader(threads, `${declared}${wgsl}\n`),
    bindings: new Set(alias).size,
    fields: writer.uniforms.fields,
    workgroups: value => Math.ceil(kernel.items.reduce((n, d) => n * value(d), 1) / threads),
  }
}

/** A name where it stands alone: not the end of another one, and not a member of a vector. */
const wordOf = (name: string): RegExp => new RegExp(`(?<![\\w.])${name}(?!\\w)`, 'g')
