// A kernel as text that a person can read, for CAIRN_DEBUG=kernel: its loops and stores, with values that are used twice under a name.

import type { Dim } from './dim.ts'
import type { Index } from './index-expr.ts'
import type { Expr, Kernel, Stmt } from './ir.ts'

const infix: Partial<Record<Expr['op'], string>> = {
  add: '+',
  sub: '-',
  mul: '*',
  div: '/',
  lt: '<',
  le: '<=',
  eq: '==',
  ne: '!=',
  and: '&',
  or: '|',
  xor: '^',
  shl: '<<',
  shr: '>>',
}

const sizeText = (d: Dim): string =>
  [...(d.factor === 1 && d.symbols.length ? [] : [d.factor]), ...d.symbols.map(s => `s${s}`)].join('*')

/** The whole kernel, a statement a line. Buffers are b0, b1 ..., axes i0, i1 ..., sizes that come at run time s0, s1 ... */
export function describeKernel(kernel: Kernel): string {
  const names = new Map<Expr, string>()
  const lines: string[] = []
  let indent = 1
  const put = (text: string): void => void lines.push('  '.repeat(indent) + text)

  const indexText = (index: Index): string =>
    index.terms
      .map(({ atom, coef }) => {
        if (!atom) return sizeText(coef)
        const name =
          atom.kind === 'axis'
            ? `i${atom.axis.id}`
            : atom.kind === 'value'
              ? text(atom.value)
              : `(${indexText(atom.of)} ${atom.kind === 'div' ? '/' : '%'} ${sizeText(atom.by)})`
        return sizeText(coef) === '1' ? name : `${name}*${sizeText(coef)}`
      })
      .join(' + ') || '0'
  const text = (e: Expr): string => {
    const name = names.get(e)
    if (name) return name
    switch (e.op) {
      case 'const':
        return String(e.value)
      case 'scalar':
        return `scalar${e.slot}`
      case 'acc':
        return `acc${e.id}`
      case 'index':
        return `(${indexText(e.index)})`
      case 'load':
        return e.valid
          ? `(${text(e.valid)} ? b${e.buffer}[${indexText(e.index)}] : 0)`
          : `b${e.buffer}[${indexText(e.index)}]`
      default: {
        const args = (e.args as readonly Expr[]).map(text)
        const sign = infix[e.op]
        if (sign) return `(${args.join(` ${sign} `)})`
        if (e.op === 'cast' || e.op === 'bitcast') return `${e.op}<${e.dtype}>(${args[0]})`
        if (e.op === 'bounded') return `bounded(${args[0]}, ${sizeText(e.size)})`
        if (e.op === 'roundTo') return `roundTo<${e.to}>(${args[0]})`
        return `${e.op}(${args.join(', ')})`
      }
    }
  }
  /** Names what is used more than once in these statements, operands first. */
  const share = (values: readonly Expr[]): void => {
    const uses = new Map<Expr, number>()
    const order: Expr[] = []
    const count = (e: Expr): void => {
      if (e.op === 'const' || e.op === 'scalar' || e.op === 'acc' || names.has(e)) return
      const n = (uses.get(e) ?? 0) + 1
      uses.set(e, n)
      if (n > 1) return
      if (e.op === 'load' || e.op === 'index') {
        if (e.op === 'load' && e.valid) count(e.valid)
        for (const { atom } of e.index.terms) if (atom?.kind === 'value') count(atom.value)
      } else for (const arg of e.args as readonly Expr[]) count(arg)
      order.push(e)
    }
    values.forEach(count)
    for (const e of order)
      if (uses.get(e)! > 1) {
        const value = text(e)
        names.set(e, `v${names.size}`)
        put(`${names.get(e)} = ${value}`)
      }
  }
  const walk = (body: readonly Stmt[]): void => {
    const before = new Map(names)
    for (const s of body) {
      switch (s.kind) {
        case 'loop': {
          const how = s.ordered
            ? ' in order'
            : s.reduces.length
              ? ` into ${s.reduces.map(a => `acc${a}`).join(', ')}`
              : ''
          put(
            `for i${s.axis.id} < ${s.end ? `min(${sizeText(s.axis.size)}, ${indexText(s.end)})` : sizeText(s.axis.size)}${how}`,
          )
          indent++
          walk(s.body)
          indent--
          // what changed in the loop is read anew
          names.clear()
          for (const [e, name] of before) names.set(e, name)
          break
        }
        case 'declare':
          put(`acc${s.acc}: ${s.dtype} = ${s.init}`)
          break
        case 'update':
          share([s.value])
          put(`acc${s.acc} = ${s.op}(acc${s.acc}, ${text(s.value)})`)
          break
        case 'store': {
          share(s.valid ? [s.value, s.valid] : [s.value])
          const sign = s.mode === 'set' ? '=' : `${s.mode}=`
          put(`${s.valid ? `if ${text(s.valid)} ` : ''}b${s.buffer}[${indexText(s.index)}] ${sign} ${text(s.value)}`)
          break
        }
        default:
          s satisfies never
      }
    }
    names.clear()
    for (const [e, name] of before) names.set(e, name)
  }
  const axis = ({ id, size }: { id: number; size: Dim }): string => `i${id} < ${sizeText(size)}`
  const buffers = kernel.buffers.map((b, i) => `b${i}: ${b.dtype}[${sizeText(b.size)}] ${b.access}`)
  const scratch =
    kernel.kind === 'loop'
      ? kernel.scratch.map((b, i) => `b${kernel.buffers.length + i}: ${b.dtype}[${sizeText(b.size)}] scratch`)
      : []
  if (kernel.kind === 'matmul') {
    const { a, b } = kernel
    put(`for each ${[...kernel.batch, kernel.m, kernel.n].map(axis).join(', ')}`)
    indent++
    put(
      `acc0 = sum over ${axis(kernel.k)} of b${a.buffer}[${indexText(a.index)}] * b${b.buffer}[${indexText(b.index)}]`,
    )
  } else if (kernel.kind === 'custom') put("its author's own text")
  else if (kernel.kind === 'attention') {
    const places = { ...kernel.operands, ...kernel.results }
    put(`the ${kernel.pass} template over ${Object.values(kernel.axes).map(axis).join(', ')}`)
    for (const [name, place] of Object.entries(places))
      if (place) put(`${name}: b${place.buffer}[${indexText(place.index)}]`)
  } else {
    put(`for each ${kernel.parallel.map(axis).join(', ') || 'one item'}${kernel.vector ? ', in lanes' : ''}`)
    indent++
  }
  if (kernel.kind === 'loop' || kernel.kind === 'matmul') walk(kernel.body)
  return [`kernel ${kernel.name}`, `  ${[...buffers, ...scratch].join(', ')}`, ...lines].join('\n')
}
