// Tables of what was made before and may serve again, of bounded size.

/** Adds an entry; where there are `most` already, the oldest goes. */
export function remember<K, V>(known: Map<K, V>, key: K, value: V, most: number): void {
  if (known.size >= most) known.delete(known.keys().next().value!)
  known.set(key, value)
}
