// What the templates of products share: a workgroup makes one tile of the result of one item.

import { productDim } from '../../kernel/dim.ts'
import type { Axis } from '../../kernel/index-expr.ts'
import { nameAxes, type Shader, workgroupNumber } from './print.ts'
import type { Writer } from './writer.ts'

/** One side of a tile. */
interface Side {
  readonly axis: Axis
  /** elements of a tile */
  readonly length: number
  /** what the place where the tile begins is called */
  readonly from: string
}

/**
 * Prints where the tile of a workgroup begins; workgroups that follow each other lie along `across`.
 * @returns what ends the shader; `memory` declares memory of its workgroups
 */
export function tiled(
  writer: Writer,
  across: Side,
  down: Side,
  items: readonly Axis[],
): (threads: number, memory: string, alias: readonly number[]) => Shader {
  const { uniforms } = writer
  const count = ({ axis, length }: Side): string => `(u32(${uniforms.dim(axis.size)}) + ${length - 1}u) / ${length}u`
  writer.line(`let tiles_across = ${count(across)};`)
  writer.line(`let tiles_down = ${count(down)};`)
  writer.line(`let number = ${workgroupNumber};`)
  const all = uniforms.unsigned(productDim(items.map(axis => axis.size)))
  writer.line(`if (number >= tiles_across * tiles_down * ${all}) { return; }`)
  writer.line(`let ${across.from} = i32(number % tiles_across * ${across.length}u);`)
  writer.line(`let ${down.from} = i32(number / tiles_across % tiles_down * ${down.length}u);`)
  writer.line('let item = number / tiles_across / tiles_down;')
  nameAxes(writer, items, 'item')
  return (threads, memory, alias) => ({
    code: writer.shader(threads, memory),
    bindings: new Set(alias).size,
    fields: uniforms.fields,
    checks: writer.checks,
    workgroups: size =>
      [across, down, ...items.map(axis => ({ axis, length: 1 }))].reduce(
        (product, { axis, length }) => product * Math.ceil(size(axis.size) / length),
        1,
      ),
  })
}
