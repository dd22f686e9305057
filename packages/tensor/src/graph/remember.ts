// Tables of what was made before and may serve again, of bounded size.

const weightless = { bytes: 0, bytesOf: () => 0 }

/** How much a table may hold: entries, and bytes of the heap as they are estimated. */
export interface Bounds<V> {
  readonly entries: number
  readonly bytes: number
  readonly bytesOf: (value: V) => number
}

/** Adds an entry; where there are too many then, or they weigh too much together, the oldest go. */
export function remember<K, V>(known: Map<K, V>, key: K, value: V, bounds: number | Bounds<V>): void {
  known.delete(key)
  known.set(key, value)
  const { entries, bytes, bytesOf } = typeof bounds === 'number' ? { entries: bounds, ...weightless } : bounds
  let total = 0
  for (const each of known.values()) total += bytesOf(each)
  for (const [old, each] of known) {
    if ((known.size <= entries && total <= bytes) || old === key) return
    known.delete(old)
    total -= bytesOf(each)
  }
}
/** The entry, which is the newest one from then on: what is in use is not the first to go. */
export function recall<K, V>(known: Map<K, V>, key: K): V | undefined {
  const value = known.get(key)
  if (value !== undefined) {
    known.delete(key)
    known.set(key, value)
  }
  return value
}
