// The layer between kernels and WebAssembly instructions: a graph of typed values in nested scopes. A value is made once
// for equal operands, and is placed in the outermost scope that has all it depends on, so hoisting out of loops and
// common subexpressions come from here. Emission decides at the end: values with one use stay on the stack, others get a local.

import type { FuncBuilder, Label, Local, Mnemonic, ValueType } from '@cairn/wasm'

/** A straight piece of code. A loop has two: what runs once before it, if it runs at all, and its body. */
export interface Scope {
  readonly depth: number
  readonly kind: 'body' | 'before'
  readonly items: Item[]
  readonly values: Map<string, Node>
}

export interface Node {
  readonly id: number
  readonly type: ValueType
  readonly scope: Scope
  readonly args: readonly Node[]
  readonly emit: Emit
  /** constants and reads of fixed locals: written wherever they are used */
  readonly trivial: boolean
  /** the value of an integer constant */
  readonly constant: number | null
  /** mutable things it reads: must not move past an effect */
  readonly reads: ReadonlySet<number> | null
  /** when it was made, in effects */
  readonly made: number
  uses: number
  user: { readonly scope: Scope; readonly made: number } | null
  local: Local | null
}

export type Use = (node: Node) => void
export type Emit = (f: FuncBuilder, use: Use) => void

type Item =
  | { readonly kind: 'value'; readonly node: Node }
  | { readonly kind: 'effect'; readonly emit: Emit }
  | { readonly kind: 'loop'; readonly loop: Loop }

/** A way out of a loop before its end, for effects inside it. */
export interface Exit {
  label: Label | null
}

interface Loop {
  readonly exit: Exit | undefined
  readonly counter: Local
  readonly limit: Node
  /** 0: the body advances the counter itself */
  readonly step: number
  readonly before: Scope
  readonly body: Scope
}

interface NodeOptions {
  readonly key?: string
  readonly trivial?: boolean
  readonly constant?: number
  /** pinned to the current scope or to one further out */
  readonly at?: Scope
  readonly reads?: ReadonlySet<number> | null
  /** operands are emitted several times, or inside a branch: they need locals */
  readonly repeated?: boolean
}

export class Code {
  readonly f: FuncBuilder
  readonly stack: Scope[]
  /** Counts effects: stores, and assignments to mutable locals. */
  effects = 0
  private ids = 0

  constructor(f: FuncBuilder) {
    this.f = f
    this.stack = [{ depth: 0, kind: 'body', items: [], values: new Map() }]
  }

  get scope(): Scope {
    return this.stack.at(-1)!
  }

  /** Where something that needs the scopes up to `depth` belongs: there, or before the next loop inside it. */
  private place(depth: number): Scope {
    const scope = this.stack[depth]
    return scope.kind === 'body' && depth + 1 < this.stack.length ? this.stack[depth + 1] : scope
  }

  node(type: ValueType, args: readonly Node[], emit: Emit, options: NodeOptions = {}): Node {
    let depth = options.at?.depth ?? 0
    let reads = options.reads ?? null
    for (const arg of args) {
      if (arg.scope.depth > depth) depth = arg.scope.depth
      if (arg.reads) reads = reads ? reads.union(arg.reads) : arg.reads
    }
    const scope = options.trivial ? this.stack[depth] : this.place(depth)
    const { key } = options
    if (key) {
      const known = this.stack[depth].values.get(key) ?? scope.values.get(key)
      if (known) return known
    }
    const node: Node = {
      id: this.ids++,
      type,
      scope,
      args,
      emit,
      trivial: options.trivial ?? false,
      constant: options.constant ?? null,
      reads,
      made: this.effects,
      uses: 0,
      user: null,
      local: null,
    }
    for (const arg of args) this.use(arg, node, options.repeated ? 2 : 1)
    if (key) scope.values.set(key, node)
    if (!node.trivial) scope.items.push({ kind: 'value', node })
    return node
  }

  private use(node: Node, user: { scope: Scope; made: number }, times: number): void {
    node.uses += times
    node.user = user
  }

  /** One instruction whose operands are the arguments in order. */
  op(
    name: Mnemonic,
    type: ValueType,
    args: readonly Node[],
    ...immediates: readonly (number | readonly number[])[]
  ): Node {
    let key: string = name
    for (const value of immediates) key += ` ${value}`
    for (const arg of args) key += `,${arg.id}`
    return this.node(
      type,
      args,
      (f, use) => {
        for (const arg of args) use(arg)
        ;(f[name] as (...values: unknown[]) => unknown)(...immediates)
      },
      { key },
    )
  }

  i32(value: number): Node {
    value |= 0
    return this.node('i32', [], f => f.i32_const(value), { key: `i32 ${value}`, trivial: true, constant: value })
  }

  add(a: Node, b: Node): Node {
    if (a.constant !== null && b.constant !== null) return this.i32(a.constant + b.constant)
    if (a.constant === 0) return b
    if (b.constant === 0) return a
    return this.op('i32_add', 'i32', [a, b])
  }

  sub(a: Node, b: Node): Node {
    if (b.constant !== null) return this.add(a, this.i32(-b.constant))
    return this.op('i32_sub', 'i32', [a, b])
  }

  mul(a: Node, b: Node): Node {
    if (a.constant !== null && b.constant !== null) return this.i32(Math.imul(a.constant, b.constant))
    if (a.constant !== null) [a, b] = [b, a]
    if (b.constant === 1) return a
    if (b.constant === 0) return b
    if (b.constant !== null && b.constant > 0 && (b.constant & (b.constant - 1)) === 0)
      return this.shl(a, 31 - Math.clz32(b.constant))
    return this.op('i32_mul', 'i32', [a, b])
  }

  shl(a: Node, by: number): Node {
    if (by === 0) return a
    if (a.constant !== null) return this.i32(a.constant << by)
    return this.op('i32_shl', 'i32', [a, this.i32(by)])
  }

  /** floor(a / by) and a mod by of unsigned numbers. */
  div(a: Node, by: Node): Node {
    if (by.constant === 1) return a
    if (by.constant !== null && (by.constant & (by.constant - 1)) === 0)
      return this.op('i32_shr_u', 'i32', [a, this.i32(31 - Math.clz32(by.constant))])
    return this.op('i32_div_u', 'i32', [a, by])
  }

  mod(a: Node, by: Node): Node {
    if (by.constant === 1) return this.i32(0)
    if (by.constant !== null && (by.constant & (by.constant - 1)) === 0)
      return this.op('i32_and', 'i32', [a, this.i32(by.constant - 1)])
    return this.op('i32_rem_u', 'i32', [a, by])
  }

  min(a: Node, b: Node): Node {
    return this.pick('min', a, b)
  }

  max(a: Node, b: Node): Node {
    return this.pick('max', a, b)
  }

  private pick(which: 'min' | 'max', a: Node, b: Node): Node {
    if (a.constant !== null && b.constant !== null) return this.i32(Math[which](a.constant, b.constant))
    return this.node(
      'i32',
      [a, b],
      (f, use) => {
        const [first, second] = which === 'min' ? [a, b] : [b, a]
        use(first)
        use(second)
        use(a)
        use(b)
        f.i32_lt_s().select()
      },
      { repeated: true, key: `${which} ${a.id} ${b.id}` },
    )
  }

  /** A local that nothing assigns while `at` is open. */
  read(local: Local, at: Scope = this.scope): Node {
    return this.node(local.type, [], f => f.get(local), { key: `local ${local.index}`, trivial: true, at })
  }

  /** A local as it is now; `at` is the innermost open scope in which it changes. */
  readMutable(local: Local, at: Scope, id: number): Node {
    return this.node(local.type, [], f => f.get(local), { at, reads: new Set([id]) })
  }

  /** Something done here and now; its operands keep their order with other effects. */
  effect(args: readonly Node[], emit: Emit, repeated = false): void {
    const user = { scope: this.scope, made: this.effects }
    for (const arg of args) this.use(arg, user, repeated ? 2 : 1)
    this.scope.items.push({ kind: 'effect', emit })
    this.effects++
  }

  set(local: Local, value: Node): void {
    this.effect([value], (f, use) => {
      use(value)
      f.set(local)
    })
  }

  /**
   * for (; counter < limit; counter += step) body. `before` runs once if the loop does. The counter must not be read
   * through `read` outside of the body.
   * @param exit what `leave` takes to end the loop early; the counter stays as it is
   */
  loop(
    counter: Local,
    limit: Node,
    step: number,
    body: (counter: Node) => void,
    before?: () => void,
    exit?: Exit,
  ): void {
    const depth = this.stack.length
    const outside: Scope = { depth, kind: 'before', items: [], values: new Map() }
    const inside: Scope = { depth: depth + 1, kind: 'body', items: [], values: new Map() }
    this.use(limit, { scope: this.scope, made: this.effects }, 2)
    this.scope.items.push({ kind: 'loop', loop: { exit, counter, limit, step, before: outside, body: inside } })
    this.effects++
    this.stack.push(outside)
    before?.()
    this.stack.push(inside)
    body(this.read(counter, inside))
    this.stack.length -= 2
    this.effects++
  }

  /** Ends an open loop where `condition` is not 0. */
  leave(exit: Exit, condition: Node): void {
    this.effect([condition], (f, use) => {
      use(condition)
      f.br_if(exit.label!)
    })
  }

  /** Writes everything. */
  finish(): void {
    this.write(this.stack[0])
  }

  private write(scope: Scope): void {
    const { f } = this
    for (const item of scope.items) {
      switch (item.kind) {
        case 'value':
          if (!this.onStack(item.node)) {
            item.node.emit(f, this.emit)
            item.node.local = f.local(item.node.type)
            f.set(item.node.local)
          }
          break
        case 'effect':
          item.emit(f, this.emit)
          break
        case 'loop': {
          const { exit, counter, limit, step, before, body } = item.loop
          f.get(counter)
          this.emit(limit)
          f.i32_lt_s().if(out => {
            if (exit) exit.label = out
            this.write(before)
            f.loop(again => {
              this.write(body)
              if (step) f.get(counter).i32_const(step).i32_add().tee(counter)
              else f.get(counter)
              this.emit(limit)
              f.i32_lt_s().br_if(again)
            })
          })
          break
        }
        default:
          item satisfies never
      }
    }
  }

  /** Whether a value is written at its only use (or nowhere), instead of going through a local. */
  private onStack(node: Node): boolean {
    if (node.uses === 0) return true
    return node.uses === 1 && node.user!.scope === node.scope && (!node.reads || node.user!.made === node.made)
  }

  private readonly emit = (node: Node): void => {
    if (node.local) this.f.get(node.local)
    else node.emit(this.f, this.emit)
  }
}

/** Writes an instruction by name with its immediates. */
export function instruct(f: FuncBuilder, name: Mnemonic, ...immediates: readonly number[]): void {
  ;(f[name] as (...values: number[]) => unknown)(...immediates)
}
