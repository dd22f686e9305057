// Binary heaps of (distance, id) in typed arrays: the two queues of a graph search, and the best k of a scan.

/** Keeps the smallest key at the root. With keys negated it keeps the largest. */
export class Heap {
  size = 0
  keys: Float32Array
  ids: Int32Array

  constructor(capacity = 64) {
    this.keys = new Float32Array(capacity)
    this.ids = new Int32Array(capacity)
  }

  clear(): void {
    this.size = 0
  }

  push(key: number, id: number): void {
    if (this.size === this.keys.length) this.grow()
    const { keys, ids } = this
    let i = this.size++
    while (i > 0) {
      const parent = (i - 1) >> 1
      if (keys[parent] <= key) break
      keys[i] = keys[parent]
      ids[i] = ids[parent]
      i = parent
    }
    keys[i] = key
    ids[i] = id
  }

  /** Removes the root; its key and id are `keys[0]` and `ids[0]` before the call. */
  pop(): void {
    const last = --this.size
    if (last > 0) this.sink(this.keys[last], this.ids[last])
  }

  /** The root leaves and another entry comes. */
  replace(key: number, id: number): void {
    this.sink(key, id)
  }

  private sink(key: number, id: number): void {
    const { keys, ids, size } = this
    let i = 0
    for (;;) {
      let child = 2 * i + 1
      if (child >= size) break
      if (child + 1 < size && keys[child + 1] < keys[child]) child++
      if (key <= keys[child]) break
      keys[i] = keys[child]
      ids[i] = ids[child]
      i = child
    }
    keys[i] = key
    ids[i] = id
  }

  private grow(): void {
    const keys = new Float32Array(this.keys.length * 2)
    const ids = new Int32Array(this.keys.length * 2)
    keys.set(this.keys)
    ids.set(this.ids)
    this.keys = keys
    this.ids = ids
  }
}

/** The k smallest distances of what is offered, sorted by id where equal; which of several equal ones at the end stay is open. */
export class Best {
  private readonly heap: Heap
  private readonly k: number
  /** What a distance must be below, or equal to, to matter. */
  bound: number = Number.POSITIVE_INFINITY

  constructor(k: number) {
    this.k = k
    this.heap = new Heap(Math.min(k, 1024) + 1)
  }

  offer(distance: number, id: number): void {
    const { heap } = this
    if (heap.size < this.k) heap.push(-distance, id)
    else if (distance < this.bound) heap.replace(-distance, id)
    else return
    if (heap.size === this.k) this.bound = -heap.keys[0]
  }

  /** Best first. */
  sorted(): { id: number; distance: number }[] {
    const { keys, ids, size } = this.heap
    return Array.from({ length: size }, (_, i) => ({ id: ids[i], distance: -keys[i] })).sort(
      (a, b) => a.distance - b.distance || a.id - b.id,
    )
  }
}
