// A hash table of words that is asked with a stretch of a text, so that a word seen before costs no string: cutting one out and
// hashing it was most of the time of indexing. Open addressing with linear steps; FNV-1a over UTF-16 units.

export class WordTable {
  private words: string[] = []
  private values: number[] = []
  private hashes = new Int32Array(1 << 12)
  /** 1 + the place in `words`, 0 where free; always a power of two, at most half full. */
  private slots = new Int32Array(1 << 13)

  get size(): number {
    return this.words.length
  }

  /** The value of the word at `start` to `end` of a text, undefined if it is not there. */
  get(text: string, start: number, end: number): number | undefined {
    const { slots, words, hashes } = this
    const mask = slots.length - 1
    let hash = 0x811c9dc5
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
    const length = end - start
    probe: for (let slot = (hash ^ (hash >>> 15)) & mask; ; slot = (slot + 1) & mask) {
      const place = slots[slot] - 1
      if (place < 0) return undefined
      if (hashes[place] !== hash) continue
      const word = words[place]
      if (word.length !== length) continue
      for (let i = 0; i < length; i++) if (word.charCodeAt(i) !== text.charCodeAt(start + i)) continue probe
      return this.values[place]
    }
  }

  /** Adds a word that is not there. */
  add(word: string, value: number): void {
    if (2 * (this.words.length + 1) > this.slots.length) this.grow()
    let hash = 0x811c9dc5
    for (let i = 0; i < word.length; i++) hash = Math.imul(hash ^ word.charCodeAt(i), 0x01000193)
    const place = this.words.length
    this.words.push(word)
    this.values.push(value)
    this.hashes[place] = hash
    this.place(hash, place)
  }

  clear(): void {
    this.words = []
    this.values = []
    this.slots.fill(0)
  }

  private place(hash: number, place: number): void {
    const mask = this.slots.length - 1
    let slot = (hash ^ (hash >>> 15)) & mask
    while (this.slots[slot] !== 0) slot = (slot + 1) & mask
    this.slots[slot] = place + 1
  }

  private grow(): void {
    this.slots = new Int32Array(this.slots.length * 2)
    const hashes = new Int32Array(this.slots.length / 2)
    hashes.set(this.hashes.subarray(0, this.words.length))
    this.hashes = hashes
    for (let place = 0; place < this.words.length; place++) this.place(hashes[place], place)
  }
}
