// Typed errors: an error is a class with its data; the sentence is made here, once.
// Form: `op: what is wrong: values (remedy)`.

/** Sizes, axes or other numbers as they would be written. */
export const listed = (values: readonly unknown[]): string => `[${values.join(', ')}]`

const show = (value: unknown): string =>
  Array.isArray(value) ? listed(value) : typeof value === 'string' ? value : String(value)

/** What a caller gave where something else was wanted, as it would be written. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return `'${value}'`
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'object' && value !== null) return `an object of ${value.constructor?.name ?? 'no class'}`
  return typeof value === 'function' ? 'a function' : String(value)
}

export class CairnError extends Error {
  readonly op: string
  readonly data: Readonly<Record<string, unknown>>
  constructor(op: string, problem: string, data: Record<string, unknown> = {}) {
    const values = Object.entries(data).map(([key, value]) => `${key} ${show(value)}`)
    super(`${op}: ${problem}${values.length ? ` (${values.join(', ')})` : ''}`)
    this.name = new.target.name
    this.op = op
    this.data = data
  }
}

/** Shapes, axes or sizes that do not fit an op. */
export class ShapeError extends CairnError {}
/** A dtype that an op or a device does not take. */
export class DTypeError extends CairnError {}
/** Tensors of two devices in one op, or a device that is not there. */
export class DeviceError extends CairnError {}
/** An index outside of its axis. */
export class IndexError extends CairnError {}
/** An index that is data, found to be outside of its axis; `place` is what else is known of it. */
export const outsideAxis = (op: string, axis: number, index: number, size: number, place = {}): IndexError =>
  new IndexError(op, `index ${index} is outside of axis ${axis}`, { size, ...place })
/** A value that is no longer there: a storage moved on, a plan failed, memory was freed. */
export class StaleError extends CairnError {}
/** Misuse of gradients: no history, freed history, not a scalar. */
export class GradientError extends CairnError {}
/** An effect or a read inside of a transform (`grad`, `vmap`, `jvp` ...), or a value that has left one. */
export class TransformError extends CairnError {}
/** A jitted function that is not the same at each call, or a use of its values outside of it. */
export class JitError extends CairnError {}
/** The device ran out of memory; nothing was changed. */
export class OutOfMemoryError extends CairnError {}
/** A malformed or hostile file. */
export class FormatError extends CairnError {}
/** The device or one of its workers died, or a kernel trapped. */
export class DeviceLostError extends CairnError {}
