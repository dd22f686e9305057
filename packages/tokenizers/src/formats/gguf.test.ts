import { expect, test } from 'vitest'
import { Tokenizer } from '../tokenizer.ts'
import { byteChars } from '../unicode/byte-chars.ts'

type Value = string | number | boolean | readonly string[] | readonly number[]

/** A GGUF file of keys alone. */
function gguf(keys: Record<string, Value>): Uint8Array {
  const bytes: number[] = []
  const scratch = new DataView(new ArrayBuffer(8))
  const put = (size: number, write: () => void) => {
    write()
    for (let i = 0; i < size; i++) bytes.push(scratch.getUint8(i))
  }
  const u32 = (value: number) => put(4, () => scratch.setUint32(0, value, true))
  const u64 = (value: number) => put(8, () => scratch.setBigUint64(0, BigInt(value), true))
  const text = (value: string) => {
    const utf8 = new TextEncoder().encode(value)
    u64(utf8.length)
    bytes.push(...utf8)
  }
  bytes.push(...new TextEncoder().encode('GGUF'))
  u32(3)
  u64(0)
  u64(Object.keys(keys).length)
  for (const [name, value] of Object.entries(keys)) {
    text(`tokenizer.ggml.${name}`)
    if (typeof value === 'string') {
      u32(8)
      text(value)
    } else if (typeof value === 'boolean') {
      u32(7)
      bytes.push(+value)
    } else if (typeof value === 'number') {
      u32(4)
      u32(value)
    } else {
      u32(9)
      u32(typeof value[0] === 'string' ? 8 : 6)
      u64(value.length)
      for (const item of value) {
        if (typeof item === 'string') text(item)
        else put(4, () => scratch.setFloat32(0, item, true))
      }
    }
  }
  return Uint8Array.from(bytes)
}

const byteTokens = Array.from({ length: 256 }, (_, b) => `<0x${b.toString(16).toUpperCase().padStart(2, '0')}>`)

test('rwkv: the longest token of bytes at each place', () => {
  const bytes = Array.from({ length: 256 }, (_, b) => `\\x${b.toString(16).padStart(2, '0')}`)
  const tokens = ['<s>', ...bytes, 'ab', 'abcd', '\\n\\n', '\\\\', 'h\\xc3\\xa9', '\\xe6\\x97']
  const tokenizer = Tokenizer.fromGGUF(
    gguf({ model: 'rwkv', tokens, token_type: [3, ...tokens.slice(1).map(() => 1)] }),
  )
  const id = (token: string) => tokens.indexOf(token)
  expect(tokenizer.encode('abcab').ids).toEqual([id('ab'), 1 + 0x63, id('ab')])
  const text = 'abcd\n\n\\hé日'
  const { ids, offsets } = tokenizer.encode(text)
  expect(ids).toEqual([id('abcd'), id('\\n\\n'), id('\\\\'), id('h\\xc3\\xa9'), id('\\xe6\\x97'), 1 + 0xa5])
  expect(offsets.slice(-3)).toEqual([
    [7, 9],
    [9, 10],
    [9, 10],
  ])
  expect(tokenizer.decode(ids)).toBe(text)
  expect(() => tokenizer.toJSON()).toThrow(/GGUF/)
})

test('plamo2: the best sum of scores, the longer first piece among equals, bytes for the rest', () => {
  const tokens = ['<unk>', '<s>', '</s>', '<pad>', ...byteTokens, 'a', 'b', 'c', 'ab', 'bc', 'abc']
  const scores = [0, 0, 0, 0, ...byteTokens.map(() => 0), -1, -1, -1, -1.5, -1.5, -9]
  const types = [2, 3, 3, 3, ...byteTokens.map(() => 6), 1, 1, 1, 1, 1, 1]
  const tokenizer = Tokenizer.fromGGUF(gguf({ model: 'plamo2', tokens, scores, token_type: types }))
  expect(tokenizer.encode('abc').tokens).toEqual(['ab', 'c'])
  expect(tokenizer.encode('\ufeffab😀').tokens).toEqual(['ab', '<0xF0>', '<0x9F>', '<0x98>', '<0x80>'])
  expect(tokenizer.decode(tokenizer.encode('ab 日').ids)).toBe('ab 日')
})

test('gemma4: spaces are U+2581, runs of line ends are whole', () => {
  const tokens = ['<pad>', '<eos>', '<bos>', '<unk>', ...byteTokens, '\n', '\n\n', '\n\n\n', '▁', 'a', 'b', '▁a']
  const types = [3, 3, 3, 2, ...byteTokens.map(() => 6), 1, 1, 1, 1, 1, 1, 1]
  const file = gguf({ model: 'gemma4', tokens, merges: ['▁ a', '\n \n'], token_type: types, bos_token_id: 2 })
  const tokenizer = Tokenizer.fromGGUF(file)
  expect(tokenizer.encode('b a\n\n\na').tokens).toEqual(['<bos>', 'b', '▁a', '\n\n\n', 'a'])
  expect(tokenizer.encode('\n\n\n\n', { addSpecialTokens: false }).tokens).toEqual(['\n\n', '\n\n'])
  expect(tokenizer.decode(tokenizer.encode('b aé').ids)).toBe('b aé')
})

test('hybriddna: six bases at a time between the tags, BPE elsewhere', () => {
  const kmers = ['ACGTAC', 'GTAAAA', 'CCCCCC'].map(kmer => `${kmer}\ue000`)
  const tokens = [...byteChars, 'CC', 'CCCC', 'CCCCCC', 'Ġx', '<dna>', '</dna>', '<oov>', ...kmers]
  const merges = ['C C', 'CC CC', 'CCCC CC', 'Ġ x']
  const keys = { model: 'hybriddna', pre: 'qwen2', tokens, merges, token_type: tokens.map(() => 1) }
  const tokenizer = Tokenizer.fromGGUF(gguf(keys))
  const id = (token: string) => tokens.indexOf(token)
  const cases: Record<string, string[]> = {
    CCCCCC: ['CCCCCC'],
    '<dna>CCCCCC</dna>': ['<dna>', kmers[2], '</dna>'],
    ' x<dna>acgTACgta</dna> x': ['Ġx', '<dna>', kmers[0], kmers[1], '</dna>', 'Ġx'],
    '<dna></dna></dna>': ['<dna>', '</dna>', '<', '/', 'd', 'n', 'a', '>'],
    // Never closed, a base that is none, a tag inside; tags know one case only.
    '<dna>ACGTACNCGTAC': ['<dna>', kmers[0], '<oov>'],
    '<dna>ACGTAC<dna>CCCCCC C': ['<dna>', kmers[0], '<oov>', '<oov>', '<oov>'],
    '<DNA>x': ['<', 'D', 'N', 'A', '>', 'x'],
    // Six bytes, not six characters: 13 of them, the last one half of an emoji.
    '<dna>ACGTA😀😀</dna>': ['<dna>', '<oov>', '<oov>', '<oov>', '</dna>'],
    '<dna>éééACGTAC\u00e9': ['<dna>', '<oov>', kmers[0], '<oov>'],
  }
  for (const [text, wanted] of Object.entries(cases)) {
    expect(tokenizer.encode(text).ids, text).toEqual(wanted.map(id))
    expect([...tokenizer.encodeIds(text)], text).toEqual(wanted.map(id))
    expect(tokenizer.count(text), text).toBe(wanted.length)
  }
  const { offsets, tokens: shown } = tokenizer.encode('C<dna>ACGTACgg</dna>')
  expect(shown).toEqual(['C', '<dna>', 'ACGTAC', '<oov>', '</dna>'])
  expect(offsets).toEqual([
    [0, 1],
    [1, 6],
    [6, 12],
    [12, 14],
    [14, 20],
  ])
  const text = 'é x<dna>ACGTACCCCCCC</dna>CCCCCC'
  expect(tokenizer.decode(tokenizer.encode(text).ids)).toBe(text)
  expect(() => tokenizer.toJSON()).toThrow(/GGUF/)
  // Without the three tokens it is BPE alone.
  const plain = Tokenizer.fromGGUF(
    gguf({ ...keys, tokens: tokens.map(token => (token === '<oov>' ? '[pad]' : token)) }),
  )
  expect(plain.encode('<dna>CCCCCC').ids).toEqual([...'<dna>'].map(id).concat(id('CCCCCC')))
})

test('whitespace: words of plain text, in lower case if the file says so', () => {
  const tokens = ['i', 'ia', 'I', 'a', '<s>']
  const keys = { model: 'whitespace', pre: 'whitespace', tokens, merges: ['i a'], token_type: [1, 1, 1, 1, 3] }
  const load = (more: Record<string, Value> = {}) => Tokenizer.fromGGUF(gguf({ ...keys, ...more }))
  expect(load().encode(' ia\n I').tokens).toEqual(['ia', 'I'])
  expect(load({ 'normalizer.lowercase': true }).encode(' iA\n\u0130').tokens).toEqual(['ia', 'i'])
})

test('a start that the file does not name is token 11, as in llama.cpp', () => {
  const keys = { model: 'gpt2', tokens: byteChars, merges: [] as string[], token_type: byteChars.map(() => 1) }
  const ids = (more: Record<string, Value>) => Tokenizer.fromGGUF(gguf({ ...keys, ...more })).encode('a').ids
  const a = byteChars.indexOf('a')
  expect(ids({ pre: 'llama-bpe' })).toEqual([11, a])
  expect(ids({ pre: 'llama-bpe', bos_token_id: 3, add_eos_token: true })).toEqual([3, a, 11])
  expect(ids({ pre: 'glm4', add_bos_token: true })).toEqual([a])
  // Whatever it looks like.
  const odd = [...byteChars, '$A: ']
  const tokenizer = Tokenizer.fromGGUF(
    gguf({ ...keys, tokens: odd, token_type: odd.map(() => 1), pre: 'tekken', bos_token_id: 256 }),
  )
  expect(tokenizer.encode('a').ids).toEqual([256, a])
  const pair = tokenizer.encode('a', { pair: 'b' })
  expect([pair.ids, pair.typeIds]).toEqual([
    [256, a, 256, a + 1],
    [0, 0, 1, 1],
  ])
})
