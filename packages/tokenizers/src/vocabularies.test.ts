// Real vocabularies against the Rust library: ids, tokens and offsets of strings made to break tokenizers. CAIRN_STRINGS sets
// how many per vocabulary; `pnpm test:slow` raises it to 100,000.
import { describe, expect, test } from 'vitest'
import { fuzzString } from './testing/fuzz.ts'
import { random, seed } from './testing/random.ts'
import { realVocabularies } from './testing/vocabularies.ts'
import { Tokenizer } from './tokenizer.ts'

const rust = await import('tokenizers').catch(() => undefined)
const STRINGS = Number(process.env.CAIRN_STRINGS ?? 1000)
const BATCH = 1000

describe.skipIf(!rust)('against the Rust library (needs npm tokenizers)', () => {
  const vocabularies = realVocabularies()
  test.each(Object.keys(vocabularies))(`%s (seed ${seed})`, { timeout: 3_600_000 }, async name => {
    const json = vocabularies[name]()
    const theirs = rust!.Tokenizer.fromString(JSON.stringify(json))
    const ours = Tokenizer.fromJSON(json)
    const tokens = (json.added_tokens as { content: string }[]).map(({ content }) => content)
    const next = random(seed)
    for (let done = 0; done < STRINGS; done += BATCH) {
      const texts = Array.from({ length: Math.min(BATCH, STRINGS - done) }, () => fuzzString(next, ['', ...tokens]))
      const wanted = await theirs.encodeBatch(texts)
      texts.forEach((text, i) => {
        const got = ours.encode(text, { allowedSpecial: 'all', offsetUnit: 'codePoints' })
        const isEqual =
          equal(got.ids, wanted[i].getIds()) &&
          equal(got.tokens, wanted[i].getTokens()) &&
          equal(got.offsets.flat(), wanted[i].getOffsets().flat()) &&
          equal(got.ids, ours.encodeIds(text, { allowedSpecial: 'all' }))
        if (isEqual) return
        // Once more, for the message.
        expect({ ids: got.ids, tokens: got.tokens, offsets: got.offsets }, JSON.stringify(text)).toEqual({
          ids: wanted[i].getIds(),
          tokens: wanted[i].getTokens(),
          offsets: wanted[i].getOffsets(),
        })
        expect([...ours.encodeIds(text, { allowedSpecial: 'all' })], `encodeIds ${JSON.stringify(text)}`).toEqual(
          got.ids,
        )
      })
    }
  })
})

function equal(a: ArrayLike<unknown>, b: ArrayLike<unknown>): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
