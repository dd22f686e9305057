// RWKV's World tokenizer, as llama.cpp reads it: at each byte the longest token that matches. Tokens are byte strings,
// spelled here in the byte alphabet. tokenizer.json has no such model.
import { TokenizerError } from '../errors.ts'
import type { JsonObject } from '../json.ts'
import { bytesToText } from '../unicode/byte-chars.ts'
import { utf8Length } from '../unicode/utf8.ts'
import type { Model, Token } from './model.ts'
import { UnitTrie } from './unit-trie.ts'

export class LongestBytes implements Model {
  readonly type = 'RWKV'
  private readonly tokens: readonly string[]
  private readonly ids = new Map<string, number>()
  private readonly trie = new UnitTrie()
  private readonly unkId: number | null

  /** @param tokens the bytes of each token, by id   @param unkId for bytes that no token starts with */
  constructor(tokens: readonly Uint8Array[], unkId: number | null) {
    this.tokens = tokens.map(bytesToText)
    this.unkId = unkId
    this.tokens.forEach((token, id) => {
      this.ids.set(token, id)
      if (token !== '') this.trie.add(token, id)
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
    const bytes = bytesToText(new TextEncoder().encode(text))
    // Where each byte's character starts and ends in the text.
    const starts = new Int32Array(bytes.length)
    const ends = new Int32Array(bytes.length)
    let byte = 0
    for (let at = 0; at < text.length; ) {
      const cp = text.codePointAt(at)!
      const end = at + (cp > 0xffff ? 2 : 1)
      const length = utf8Length(cp)
      starts.fill(at, byte, byte + length)
      ends.fill(end, byte, byte + length)
      byte += length
      at = end
    }
    const out: Token[] = []
    for (let at = 0; at < bytes.length; ) {
      let id = -1
      let end = at + 1
      let node = 0
      for (let i = at; i < bytes.length; ) {
        node = this.trie.child(node, bytes.charCodeAt(i++))
        if (node < 0) break
        const found = this.trie.value(node)
        if (found < 0) continue
        id = found
        end = i
      }
      if (id < 0 && this.unkId === null) {
        throw new TokenizerError(`RWKV: no token starts with byte ${at} of ${JSON.stringify(text.slice(0, 40))}`)
      }
      out.push({ id: id < 0 ? this.unkId! : id, value: bytes.slice(at, end), start: starts[at], end: ends[end - 1] })
      at = end
    }
    return out
  }

  toJSON(): JsonObject {
    throw new TokenizerError('tokenizer.json has no model that takes the longest run of bytes: keep the GGUF file')
  }
}

/** The bytes of a token as RWKV's vocabulary files write it: `\t`, `\n`, `\r`, `\x` and two digits, else itself. */
export function unescapeRwkv(escaped: string): Uint8Array {
  const source = new TextEncoder().encode(escaped)
  const out: number[] = []
  for (let i = 0; i < source.length; i++) {
    if (source[i] !== 0x5c || i + 1 === source.length) {
      if (source[i] !== 0x5c) out.push(source[i])
      continue
    }
    const next = String.fromCharCode(source[++i])
    if (next === 'x') {
      out.push(Number.parseInt(String.fromCharCode(source[i + 1], source[i + 2]), 16) & 0xff)
      i += 2
    } else out.push({ t: 9, n: 10, r: 13 }[next] ?? source[i])
  }
  return Uint8Array.from(out)
}
