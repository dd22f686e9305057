// Every component against the Rust library, in one process: ids, tokens, offsets and masks of strings that tokenizers
// get wrong. (Not the windows of truncation: since 0.23 the library stops encoding early and leaves the later ones out.)
// CAIRN_FUZZ sets the strings per tokenizer; `pnpm test:slow` raises it.
import { describe, expect, test } from 'vitest'
import { tokenizerConfigs } from './testing/configs.ts'
import { fuzzString } from './testing/fuzz.ts'
import { random, seed } from './testing/random.ts'
import { sharedData } from './testing/shared-data.ts'
import { Tokenizer } from './tokenizer.ts'

const rust = await import('tokenizers').catch(() => undefined)
const STRINGS = Number(process.env.CAIRN_FUZZ ?? 60)

/** Scripts that the Rust library puts into other groups, its script table being older. */
const OLD_TABLE = new Set(['scripts'])

/** Code points before each UTF-16 unit: the Rust library counts offsets in code points. */
function codePoints(text: string): Int32Array {
  const out = new Int32Array(text.length + 1)
  let count = 0
  for (let at = 0; at < text.length; ) {
    const size = text.codePointAt(at)! > 0xffff ? 2 : 1
    out.fill(count++, at, at + size)
    at += size
  }
  out[text.length] = count
  return out
}

const ready = rust !== undefined && sharedData !== undefined

describe.skipIf(!ready)('against the Rust library (needs npm tokenizers and the shared data)', () => {
  const configs = ready ? tokenizerConfigs() : {}
  test.each(Object.keys(configs).filter(name => !OLD_TABLE.has(name)))(`%s (seed ${seed})`, async name => {
    const json = configs[name]
    const ours = Tokenizer.fromJSON(json)
    const theirs = rust!.Tokenizer.fromString(JSON.stringify(json))
    expect(Tokenizer.fromJSON(ours.toJSON()).toJSON()).toEqual(ours.toJSON())
    const next = random(seed)
    for (let i = 0; i < STRINGS; i++) {
      const text = fuzzString(next)
      const pair = next() < 0.2 ? fuzzString(next) : undefined
      const a = ours.encode(text, { allowedSpecial: 'all', ...(pair !== undefined && { pair }) })
      const b = await theirs.encode(text, pair ?? null)
      const maps = [codePoints(text), codePoints(pair ?? '')]
      const got = {
        ids: a.ids,
        tokens: a.tokens,
        offsets: a.offsets.map(([start, end], k) => {
          const map = maps[a.sequenceIds[k] ?? 0]
          return [map[start], map[end]]
        }),
        typeIds: a.typeIds,
        attentionMask: a.attentionMask,
        specialTokensMask: a.specialTokensMask,
        wordIds: a.wordIds,
      }
      const wanted = {
        ids: b.getIds(),
        tokens: b.getTokens(),
        offsets: b.getOffsets(),
        typeIds: b.getTypeIds(),
        attentionMask: b.getAttentionMask(),
        specialTokensMask: b.getSpecialTokensMask(),
        wordIds: b.getWordIds().map(word => word ?? null),
      }
      expect(got, JSON.stringify([text, pair])).toEqual(wanted)
      if (pair === undefined && !ours.padding) {
        expect([...ours.encodeIds(text, { allowedSpecial: 'all' })], JSON.stringify(text)).toEqual(a.ids)
        expect(ours.count(text, { allowedSpecial: 'all' })).toBe(a.length)
      }
      const stream = ours.decodeStream()
      expect(a.ids.map(id => stream.push(id)).join('') + stream.end()).toBe(ours.decode(a.ids))
    }
  })
})
