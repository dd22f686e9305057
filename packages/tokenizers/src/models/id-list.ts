// Ids as they are found: a typed array that grows.

export class IdList {
  ids: Uint32Array
  length = 0

  constructor(capacity: number) {
    this.ids = new Uint32Array(Math.max(16, capacity))
  }

  push(id: number): void {
    if (this.length === this.ids.length) this.reserve(1)
    this.ids[this.length++] = id
  }

  /** Appends the first `count` of `ids`. */
  append(ids: ArrayLike<number>, count: number): void {
    this.reserve(count)
    for (let i = 0; i < count; i++) this.ids[this.length++] = ids[i]
  }

  reserve(more: number): void {
    if (this.length + more <= this.ids.length) return
    const larger = new Uint32Array(Math.max(this.ids.length * 2, this.length + more))
    larger.set(this.ids.subarray(0, this.length))
    this.ids = larger
  }

  finish(): Uint32Array {
    return this.ids.slice(0, this.length)
  }
}
