// Which tokens truncation leaves of one input and of two, against the Rust library, for every small length.
import { describe, expect, test } from 'vitest'
import { Tokenizer } from './tokenizer.ts'

const rust = await import('tokenizers').catch(() => undefined)

const token = (content: string, type: number) => ({ SpecialToken: { id: content, type_id: type } })
const template = {
  type: 'TemplateProcessing',
  single: [token('[CLS]', 0), { Sequence: { id: 'A', type_id: 0 } }, token('[SEP]', 0)],
  pair: [
    ...[token('[CLS]', 0), { Sequence: { id: 'A', type_id: 0 } }, token('[SEP]', 0)],
    ...[{ Sequence: { id: 'B', type_id: 1 } }, token('[SEP]', 1)],
  ],
  special_tokens: {
    '[CLS]': { id: '[CLS]', ids: [1], tokens: ['[CLS]'] },
    '[SEP]': { id: '[SEP]', ids: [2], tokens: ['[SEP]'] },
  },
}
const letters = [...'abcdefghijklmnopqrstuvwxyz']
const vocab = Object.fromEntries(['[UNK]', '[CLS]', '[SEP]', ...letters].map((text, id) => [text, id]))

describe.skipIf(!rust)('against the Rust library (needs npm tokenizers)', () => {
  const cases = ['Right', 'Left'].flatMap(direction =>
    ['LongestFirst', 'OnlyFirst', 'OnlySecond'].map(strategy => [strategy, direction] as const),
  )
  const models = {
    'a token a word': { separator: ' ', model: { type: 'WordLevel', vocab, unk_token: '[UNK]' } },
    // the library stops where a word ends
    'three tokens a word': { separator: '', model: { type: 'BPE', vocab, merges: [], unk_token: '[UNK]' } },
  }
  const all = cases.flatMap(([strategy, direction]) =>
    (Object.keys(models) as (keyof typeof models)[]).map(words => [strategy, direction, words] as const),
  )
  test.each(all)('%s, cut on the %s, %s', async (strategy, direction, words) => {
    const { separator, model } = models[words]
    const textOf = (list: readonly string[]): string =>
      list
        .map((letter, i) => (separator === '' && i % 3 === 2 ? `${letter} ` : `${letter}${separator}`))
        .join('')
        .trim()
    for (const post of [null, template]) {
      for (let max = 1; max < 11; max++) {
        const json = {
          version: '1.0',
          truncation: { direction, max_length: max, strategy, stride: 0 },
          padding: null,
          added_tokens: [],
          normalizer: null,
          pre_tokenizer: { type: 'WhitespaceSplit' },
          post_processor: post,
          decoder: null,
          model,
        }
        const theirs = rust!.Tokenizer.fromString(JSON.stringify(json))
        const ours = Tokenizer.fromJSON(json)
        for (let first = 0; first < 8; first++) {
          for (let second = -1; second < 8; second++) {
            // Without room for the text the library stops truncating. (And with a stride it ends the process.)
            if (max <= (post ? (second < 0 ? 2 : 3) : 0)) continue
            const text = textOf(letters.slice(0, first))
            const pair = second < 0 ? undefined : textOf(letters.slice(10, 10 + second))
            const wanted = await theirs.encode(text, pair ?? null).then(
              encoding => encoding.getTokens(),
              () => 'refused',
            )
            let got: string[] | string
            try {
              got = ours.encode(text, pair === undefined ? {} : { pair }).tokens
            } catch {
              got = 'refused'
            }
            // Here the library cuts the second input, which it was told not to.
            if (strategy === 'OnlyFirst' && first === 0 && got === 'refused') continue
            expect(got, `${first} and ${second} tokens into ${max}`).toEqual(wanted)
          }
        }
      }
    }
  })
})

test('windows of a pair cover both inputs, each with the stride asked for', () => {
  const tokenizer = Tokenizer.fromJSON({
    pre_tokenizer: { type: 'WhitespaceSplit' },
    model: { type: 'WordLevel', vocab, unk_token: '[UNK]' },
  })
  tokenizer.truncation = { maxLength: 4, stride: 1 }
  const encoding = tokenizer.encode('a b c d e', { pair: 'n o p q' })
  const windows = [encoding, ...encoding.overflowing].map(window => window.tokens.join(''))
  expect(windows[0]).toBe('abno')
  expect(new Set(windows.join(''))).toEqual(new Set('abcdenopq'))
  expect(windows).toContain('deno')
  expect(windows).toContain('abpq')
})
