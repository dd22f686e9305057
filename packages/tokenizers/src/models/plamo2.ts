// PLaMo 2's tokenizer, as llama.cpp reads it: the cut of a text whose scores, in ten-thousandths, sum highest; of equal cuts
// the one that starts with the longer piece; characters that no piece covers as their bytes. tokenizer.json has no such model.
import { TokenizerError } from '../errors.ts'
import type { JsonObject } from '../json.ts'
import { utf8Bytes } from '../unicode/utf8.ts'
import { byteToken } from './bpe.ts'
import type { Model, Token } from './model.ts'
import { UnitTrie } from './unit-trie.ts'

const UNKNOWN = -10_000_000
const INVALID = -20_000_000

export class Plamo2 implements Model {
  readonly type = 'PLaMo2'
  private readonly tokens: readonly string[]
  private readonly ids = new Map<string, number>()
  private readonly trie = new UnitTrie()
  private readonly scores: Float64Array
  private readonly byteIds: number[]

  /** @param isByte whether a token stands for a byte: `<0x41>` */
  constructor(tokens: readonly string[], scores: readonly number[], isByte: (id: number) => boolean) {
    this.tokens = tokens
    // Half away from zero.
    this.scores = Float64Array.from(scores, score => Math.sign(score) * Math.round(Math.abs(score) * 1e4))
    tokens.forEach((token, id) => {
      this.ids.set(token, id)
      if (!isByte(id) && token !== '' && this.scores[id] > INVALID) this.trie.add(token, id)
    })
    this.byteIds = Array.from({ length: 256 }, (_, byte) => {
      const id = this.ids.get(byteToken(byte))
      if (id === undefined) throw new TokenizerError(`PLaMo2: the vocabulary has no ${byteToken(byte)}`)
      return id
    })
  }

  get vocabSize(): number {
    return this.tokens.length
  }

  tokenToId(token: string): number | undefined {
    return this.ids.get(token)
  }

  idToToken(id: number): string | undefined {
    return this.tokens[id]
  }

  *vocab(): Iterable<[string, number]> {
    for (let id = 0; id < this.tokens.length; id++) yield [this.tokens[id], id]
  }

  tokenize(text: string): Token[] {
    const { trie } = this
    const n = text.length
    const best = new Float64Array(n + 1).fill(Number.NEGATIVE_INFINITY)
    const ends = new Int32Array(n + 1)
    const pieces = new Int32Array(n + 1).fill(-1)
    best[n] = 0
    for (let start = n - 1; start >= 0; start--) {
      const unit = text.charCodeAt(start)
      if (unit >= 0xdc00 && unit <= 0xdfff && start > 0) continue
      const charEnd = start + (text.codePointAt(start)! > 0xffff ? 2 : 1)
      best[start] = best[charEnd] + UNKNOWN
      ends[start] = charEnd
      let node = 0
      for (let at = start; at < n; ) {
        node = trie.child(node, text.charCodeAt(at++))
        if (node < 0) break
        const id = trie.value(node)
        if (id < 0) continue
        const score = this.scores[id] + best[at]
        if (score < best[start]) continue
        best[start] = score
        ends[start] = at
        pieces[start] = id
      }
    }
    const out: Token[] = []
    // A byte order mark at the very start is left out.
    for (let start = text.startsWith('\ufeff') ? 1 : 0; start < n; start = ends[start]) {
      const end = ends[start]
      if (pieces[start] >= 0) out.push({ id: pieces[start], value: text.slice(start, end), start, end })
      else {
        for (const byte of utf8Bytes(text.slice(start, end))) {
          out.push({ id: this.byteIds[byte], value: byteToken(byte), start, end })
        }
      }
    }
    return out
  }

  toJSON(): JsonObject {
    throw new TokenizerError('tokenizer.json has no model of PLaMo 2: keep the GGUF file')
  }
}
