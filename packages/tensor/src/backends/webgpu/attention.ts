// AttentionKernel -> WGSL (T. Dao, "FlashAttention-2", 2023). A workgroup of 64 threads makes 32 x 32 scores at a time, each thread 4 x 4 of
// them, and multiplies them into 32 rows x 64 columns of a result that stay in registers. Rows are the queries of all heads that share a
// head of keys. Results wider than 64 columns go to several workgroups, which make the same scores. Sizes are parameters: one
// shader serves all shapes. What no row sees is skipped; the bounds of a loop around barriers go through `workgroupUniformLoad`.
//
// The forward pass and dq loop over keys for a block of rows, dk and dv over rows for a block of keys, so that nothing is added across workgroups.

import type { Dim } from '../../kernel/dim.ts'
import type { Axis } from '../../kernel/index-expr.ts'
import type { AttentionKernel, Place } from '../../kernel/ir.ts'
import { type Shader, workgroupNumber } from './print.ts'
import { Uniforms } from './uniforms.ts'
import { type How, Writer } from './writer.ts'

/** Rows and keys of a block of scores. */
const block = 32
/** Columns of a result that a workgroup makes. */
const wide = 64
/** The part of a width that is in workgroup memory at a time; a row more of it has one float of padding, against bank conflicts. */
const depth = 16
const staged = depth + 1
/** Keys or rows that are in workgroup memory at a time for the second product. */
const half = 16
const scoreStride = block + 1
const threads = 64
/** Below all scores: GPUs may do without infinities. */
const unseen = '-3e38f'

export function printAttention(kernel: AttentionKernel, alias: readonly number[], how: How = {}): Shader {
  const writer = new Writer(kernel.buffers, alias, { uniforms: new Uniforms(false), half: how.half })
  const printer = new Printer(writer, kernel)
  const { dk, dv, dq } = kernel.results
  const { batch, head, group, query, key, width, out } = kernel.axes
  const byKeys = dk !== null || dv !== null
  if (byKeys) printer.keys()
  else printer.rows()
  return {
    code: writer.shader(threads, printer.memory(byKeys)),
    bindings: new Set(alias).size,
    fields: writer.uniforms.fields,
    workgroups: (size: (d: Dim) => number) => {
      const of = (axis: Axis): number => size(axis.size)
      const columns = byKeys ? Math.max(dk ? of(width) : 0, dv ? of(out) : 0) : dq ? of(width) : of(out)
      const items = byKeys ? of(key) : of(group) * of(query)
      return of(batch) * of(head) * Math.ceil(items / block) * Math.max(1, Math.ceil(columns / wide))
    },
  }
}

class Printer {
  private readonly writer: Writer
  private readonly kernel: AttentionKernel

  constructor(writer: Writer, kernel: AttentionKernel) {
    this.writer = writer
    this.kernel = kernel
    for (const [name, axis] of Object.entries(kernel.axes))
      writer.line(`let size_${name} = ${writer.uniforms.dim(axis.size)};`)
  }

  memory(byKeys: boolean): string {
    const array = (name: string, type: string, size: number) => `var<workgroup> ${name}: array<${type}, ${size}>;\n`
    return [
      array('stage', 'f32', 2 * block * staged),
      array('scores', 'f32', block * scoreStride),
      byKeys ? array('slopes', 'f32', block * scoreStride) : '',
      array('low', 'i32', block),
      array('high', 'i32', block),
      array('row_lse', 'f32', block),
      array('row_delta', 'f32', block),
      'var<workgroup> from_shared: i32;\nvar<workgroup> to_shared: i32;\n',
    ].join('')
  }

  private readonly axes = new Map<number, string>()
  private readonly strides = new Map<Dim, string>()

  /** Names axes; `row` is a number over the group and its queries. */
  private name(at: Partial<Record<keyof AttentionKernel['axes'], string>>): void {
    for (const [name, text] of Object.entries(at))
      this.axes.set(this.kernel.axes[name as keyof AttentionKernel['axes']].id, text)
  }
  private nameRow(row: string): void {
    this.name({ group: `(${row} / size_query)`, query: `(${row} % size_query)` })
  }
  /** An index as text. Each coefficient is one parameter, however often it is mentioned. */
  private index({ index }: Place): string {
    const parts = index.terms.map(({ atom, coef }) => {
      let stride = this.strides.get(coef)
      if (!stride) this.strides.set(coef, (stride = this.writer.uniforms.dim(coef)))
      if (!atom) return stride
      if (atom.kind !== 'axis') throw new Error('attention: an index is not linear')
      return `${this.axes.get(atom.axis.id)!} * ${stride}`
    })
    return parts.join(' + ') || '0i'
  }
  private read(place: Place): string {
    return this.writer.read(place.buffer, this.index(place))
  }
  private write(place: Place, value: string): void {
    this.writer.line(`${this.writer.place(place.buffer, this.index(place))} = ${value};`)
  }

  /** What this workgroup works on: `item` (a block of rows or keys), `from_column`, and the axes batch and head. */
  private place(items: string, columns: string): void {
    const { writer } = this
    writer.line(`let rows = size_group * size_query;`)
    writer.line(`let chunks = max(1, (${columns} + ${wide - 1}) / ${wide});`)
    writer.line(`let blocks = (${items} + ${block - 1}) / ${block};`)
    writer.line(`let number = i32(${workgroupNumber});`)
    writer.line('if (number >= chunks * blocks * size_batch * size_head) { return; }')
    writer.line(`let from_column = number % chunks * ${wide};`)
    writer.line(`let from_item = number / chunks % blocks * ${block};`)
    writer.line('let head = number / chunks / blocks % size_head;')
    writer.line('let batch = number / chunks / blocks / size_head;')
    writer.line('let tx = i32(thread % 8u);')
    writer.line('let ty = i32(thread / 8u) * 4;')
    this.name({ head: 'head', batch: 'batch' })
  }

  /** The range of keys that each of 32 rows sees, and what the backward pass knows of it; then those that any sees, as `from_key` and `to_key`. */
  private ranges(fromRow: string): void {
    const { writer, kernel } = this
    const { starts, ends, lse, delta } = kernel.operands
    writer.block(`if (thread < ${block}u)`, () => {
      writer.line(`let row = ${fromRow} + i32(thread);`)
      writer.line('var first = 0i;')
      writer.line('var last = 0i;')
      writer.line('var l = 0f;')
      writer.line('var d = 0f;')
      writer.block('if (row < rows)', () => {
        this.nameRow('row')
        writer.line('last = size_key;')
        if (starts) writer.line(`first = max(0i, ${this.read(starts)});`)
        if (ends) writer.line(`last = min(size_key, ${this.read(ends)});`)
        if (lse) {
          writer.line(`l = ${this.read(lse)};`)
          // an infinite one: the row sees nothing
          writer.line('if (!(l < 1e38f)) { l = 0f; last = 0i; }')
        }
        if (delta) writer.line(`d = ${this.read(delta)};`)
        writer.line('if (last <= first) { first = 0i; last = 0i; }')
      })
      writer.line('low[thread] = first;')
      writer.line('high[thread] = last;')
      writer.line('row_lse[thread] = l;')
      writer.line('row_delta[thread] = d;')
    })
    writer.line('workgroupBarrier();')
    writer.block('if (thread == 0u)', () => {
      writer.line('var first = size_key;')
      writer.line('var last = 0i;')
      writer.block(`for (var i = 0; i < ${block}; i++)`, () => {
        writer.line('if (high[i] > low[i]) { first = min(first, low[i]); last = max(last, high[i]); }')
      })
      writer.line('from_shared = first;')
      writer.line('to_shared = last;')
    })
    writer.line('let from_key = workgroupUniformLoad(&from_shared);')
    writer.line('let to_key = workgroupUniformLoad(&to_shared);')
  }

  /** `${name}0` to `${name}3`: this thread's 4 x 4 of 32 rows times 32 keys, rows ty + i, keys tx + 8 j. */
  private product(
    name: string,
    left: Place,
    right: Place,
    over: 'width' | 'out',
    fromRow: string,
    fromKey: string,
  ): void {
    const { writer } = this
    for (let i = 0; i < 4; i++) writer.line(`var ${name}${i} = vec4f();`)
    writer.block(`for (var from_depth = 0i; from_depth < size_${over}; from_depth += ${depth})`, () => {
      writer.block(`for (var e = i32(thread); e < ${block * depth}; e += ${threads})`, () => {
        writer.line(`let deep = from_depth + e % ${depth};`)
        writer.line(`let to = e / ${depth} * ${staged} + e % ${depth};`)
        writer.line(`let row = ${fromRow} + e / ${depth};`)
        writer.line(`let key = ${fromKey} + e / ${depth};`)
        writer.line('var a = 0f;')
        writer.line('var b = 0f;')
        this.name({ [over]: 'deep', key: 'key' })
        this.nameRow('row')
        writer.block(`if (deep < size_${over})`, () => {
          writer.line(`if (row < rows) { a = ${this.read(left)}; }`)
          writer.line(`if (key < size_key) { b = ${this.read(right)}; }`)
        })
        writer.line('stage[to] = a;')
        writer.line(`stage[to + ${block * staged}] = b;`)
      })
      writer.line('workgroupBarrier();')
      writer.block(`for (var z = 0i; z < ${depth}; z++)`, () => {
        const keys = [0, 1, 2, 3].map(j => `stage[(tx + ${8 * j + block}) * ${staged} + z]`)
        writer.line(`let b = vec4f(${keys.join(', ')});`)
        for (let i = 0; i < 4; i++) writer.line(`${name}${i} += stage[(ty + ${i}) * ${staged} + z] * b;`)
      })
      writer.line('workgroupBarrier();')
    })
  }

  /** Prints `then` for each of this thread's scores `s` (and `d`, where there is one) once, in loops: its row and column in the block, and whether it is seen. */
  private eachScore(names: readonly string[], fromRow: string, fromKey: string, then: () => void): void {
    const { writer, kernel } = this
    const { mask } = kernel.operands
    for (const name of names)
      writer.line(`var all_${name} = array<vec4f, 4>(${[0, 1, 2, 3].map(i => `${name}${i}`).join(', ')});`)
    writer.block('for (var i = 0i; i < 4; i++)', () => {
      writer.line('let row = ty + i;')
      writer.block('for (var j = 0i; j < 4; j++)', () => {
        writer.line('let column = tx + 8 * j;')
        writer.line(`let key = ${fromKey} + column;`)
        writer.line('let seen = key >= low[row] && key < high[row];')
        for (const name of names) writer.line(`var ${name} = all_${name}[i][j];`)
        writer.line(`s *= ${writer.value(kernel.scale)};`)
        if (mask)
          writer.block('if (seen)', () => {
            writer.line(`let whole = ${fromRow} + row;`)
            this.nameRow('whole')
            this.name({ key: 'key' })
            writer.line(`s = max(${unseen}, s + ${this.read(mask)});`)
          })
        then()
      })
    })
  }

  /** Adds scores (rows x keys, or turned) times rows of an operand to `${name}`, 4 rows x 8 columns a thread. */
  private multiply(
    name: string,
    memory: string,
    turned: boolean,
    from: Place,
    over: 'width' | 'out',
    first: string,
  ): void {
    const { writer } = this
    writer.block(`for (var part = 0i; part < ${block}; part += ${half})`, () => {
      writer.line('workgroupBarrier();')
      writer.block(`for (var e = i32(thread); e < ${half * wide}; e += ${threads})`, () => {
        writer.line(`let at = ${first} + part + e / ${wide};`)
        writer.line(`let column = from_column + e % ${wide};`)
        writer.line('var x = 0f;')
        this.name({ [over]: 'column' })
        if (turned) this.nameRow('at')
        else this.name({ key: 'at' })
        writer.line(`if (at < ${turned ? 'rows' : 'size_key'} && column < size_${over}) { x = ${this.read(from)}; }`)
        writer.line('stage[e] = x;')
      })
      writer.line('workgroupBarrier();')
      writer.block(`for (var z = 0i; z < ${half}; z++)`, () => {
        for (const q of [0, 1]) {
          const parts = [0, 1, 2, 3].map(j => `stage[z * ${wide} + tx + ${8 * (4 * q + j)}]`)
          writer.line(`let b${q} = vec4f(${parts.join(', ')});`)
        }
        for (let i = 0; i < 4; i++) {
          const at = turned ? `(part + z) * ${scoreStride} + ty + ${i}` : `(ty + ${i}) * ${scoreStride} + part + z`
          writer.line(`let a${i} = ${memory}[${at}];`)
          for (const q of [0, 1]) writer.line(`${name}${i}_${q} += a${i} * b${q};`)
        }
      })
    })
  }

  private registers(name: string): void {
    for (let i = 0; i < 4; i++) for (const q of [0, 1]) this.writer.line(`var ${name}${i}_${q} = vec4f();`)
  }

  /** Stores 4 x 8 results. */
  private store(name: string, to: Place, over: 'width' | 'out', rows: boolean, factor = '1f'): void {
    const { writer } = this
    const all = [0, 1, 2, 3].flatMap(i => [0, 1].map(q => `${name}${i}_${q}`))
    writer.line(`var all_${name} = array<vec4f, 8>(${all.join(', ')});`)
    writer.block('for (var i = 0i; i < 4; i++)', () => {
      writer.line('let at = from_item + ty + i;')
      writer.line(`let factor = ${factor};`)
      writer.block('for (var j = 0i; j < 8; j++)', () => {
        writer.line('let column = from_column + tx + j * 8;')
        this.name({ [over]: 'column' })
        if (rows) this.nameRow('at')
        else this.name({ key: 'at' })
        writer.block(`if (at < ${rows ? 'rows' : 'size_key'} && column < size_${over})`, () =>
          this.write(to, `all_${name}[i * 2 + j / 4][j % 4] * factor`),
        )
      })
    })
  }

  /** The forward pass, or dq. */
  rows(): void {
    const { writer, kernel } = this
    const { operands, results } = kernel
    const forward = kernel.pass === 'forward'
    this.place('rows', forward ? 'size_out' : 'size_width')
    this.ranges('from_item')
    this.registers('o')
    if (forward) {
      // of the row that a thread looks after, row_lse holds the largest score so far and row_delta the sum
      writer.block(`if (thread < ${block}u)`, () => {
        writer.line(`row_lse[thread] = ${unseen};`)
        writer.line('row_delta[thread] = 0f;')
      })
    }
    writer.block(`for (var tile = from_key / ${block} * ${block}; tile < to_key; tile += ${block})`, () => {
      this.product('s', operands.q, operands.k, 'width', 'from_item', 'tile')
      if (!forward) this.product('d', operands.g!, operands.v, 'out', 'from_item', 'tile')
      this.eachScore(forward ? ['s'] : ['s', 'd'], 'from_item', 'tile', () => {
        const at = `scores[row * ${scoreStride} + column]`
        if (forward) writer.line(`${at} = select(${unseen}, s, seen);`)
        else {
          writer.line('let weight = select(0f, exp(min(s - row_lse[row], 60f)), seen);')
          writer.line(`${at} = weight * (d - row_delta[row]) * ${writer.value(kernel.scale)};`)
        }
      })
      if (forward) this.soften()
      this.multiply('o', 'scores', false, forward ? operands.v : operands.k, forward ? 'out' : 'width', 'tile')
      writer.line('workgroupBarrier();')
    })
    if (!forward) {
      this.store('o', results.dq!, 'width', true)
      return
    }
    writer.line('workgroupBarrier();')
    if (results.out)
      this.store('o', results.out, 'out', true, 'select(0f, 1f / row_delta[ty + i], row_delta[ty + i] > 0f)')
    if (results.lse) {
      const { lse } = results
      writer.block(`if (thread < ${block}u && from_column == 0)`, () => {
        writer.line('let row = from_item + i32(thread);')
        this.nameRow('row')
        const infinite = writer.constant(Number.POSITIVE_INFINITY, 'f32')
        writer.line(`let sum = row_delta[thread];`)
        writer.block('if (row < rows)', () =>
          this.write(lse, `select(${infinite}, row_lse[thread] + log(max(sum, 1e-38f)), sum > 0f)`),
        )
      })
    }
  }

  /** Scores in memory become weights relative to the largest so far; results so far follow. */
  private soften(): void {
    const { writer } = this
    writer.line('workgroupBarrier();')
    writer.block(`if (thread < ${block}u)`, () => {
      writer.line(`let at = i32(thread) * ${scoreStride};`)
      writer.line('let before = row_lse[thread];')
      writer.line('var most = before;')
      writer.line(`for (var j = 0i; j < ${block}; j++) { most = max(most, scores[at + j]); }`)
      writer.line('var sum = 0f;')
      writer.block(`for (var j = 0i; j < ${block}; j++)`, () => {
        writer.line('let s = scores[at + j];')
        writer.line(`let weight = select(0f, exp(s - most), s > ${unseen});`)
        writer.line('scores[at + j] = weight;')
        writer.line('sum += weight;')
      })
      writer.line('let less = exp(max(before - most, -100f));')
      writer.line('row_lse[thread] = most;')
      writer.line('row_delta[thread] = row_delta[thread] * less + sum;')
      // the room behind the keys of a row
      writer.line(`scores[at + ${block}] = less;`)
    })
    writer.line('workgroupBarrier();')
    for (let i = 0; i < 4; i++) {
      writer.line(`let less${i} = scores[(ty + ${i}) * ${scoreStride} + ${block}];`)
      for (const q of [0, 1]) writer.line(`o${i}_${q} *= less${i};`)
    }
  }

  /** dk and dv. */
  keys(): void {
    const { writer, kernel } = this
    const { operands, results } = kernel
    const columns = results.dk && results.dv ? 'max(size_width, size_out)' : results.dk ? 'size_width' : 'size_out'
    this.place('size_key', columns)
    if (results.dk) this.registers('k')
    if (results.dv) this.registers('v')
    writer.block(`for (var from_row = 0i; from_row < rows; from_row += ${block})`, () => {
      this.ranges('from_row')
      writer.block(`if (to_key > from_item && from_key < from_item + ${block})`, () => {
        this.product('s', operands.q, operands.k, 'width', 'from_row', 'from_item')
        this.product('d', operands.g!, operands.v, 'out', 'from_row', 'from_item')
        this.eachScore(['s', 'd'], 'from_row', 'from_item', () => {
          writer.line('let weight = select(0f, exp(min(s - row_lse[row], 60f)), seen);')
          writer.line(`scores[row * ${scoreStride} + column] = weight;`)
          writer.line(
            `slopes[row * ${scoreStride} + column] = weight * (d - row_delta[row]) * ${writer.value(kernel.scale)};`,
          )
        })
        if (results.dv) this.multiply('v', 'scores', true, operands.g!, 'out', 'from_row')
        if (results.dk) this.multiply('k', 'slopes', true, operands.q, 'width', 'from_row')
      })
      writer.line('workgroupBarrier();')
    })
    if (results.dk) this.store('k', results.dk, 'width', false)
    if (results.dv) this.store('v', results.dv, 'out', false)
  }
}
