// How GGUF models cut text, by the name in `tokenizer.ggml.pre`. llama.cpp knows them by name only; the rules below are its
// rules: regular expressions applied one after the other, each cutting what the one before left. Where llama.cpp's own
// regex engine forces it to spell out cases, the pattern here is the plain one with the same meaning.
import { ByteFallback } from '../decoders/byte-fallback.ts'
import type { Decoder } from '../decoders/decoder.ts'
import { Fuse } from '../decoders/fuse.ts'
import { ReplaceDecoder } from '../decoders/replace.ts'
import { DecoderSequence } from '../decoders/sequence.ts'
import { TokenizerError } from '../errors.ts'
import type { Normalizer } from '../normalizers/normalizer.ts'
import { Replace } from '../normalizers/replace.ts'
import { ByteLevel } from '../pretokenizers/byte-level.ts'
import { patterns } from '../pretokenizers/patterns.ts'
import type { PreTokenizer } from '../pretokenizers/pre-tokenizer.ts'
import { PreTokenizerSequence } from '../pretokenizers/sequence.ts'
import { Split } from '../pretokenizers/split.ts'
import { Regex } from '../regex/regex.ts'

type Rule = {
  regexes: readonly string[]
  names: string
  /** A pre-token that is in the vocabulary is one token. */
  ignoreMerges?: boolean
  addBos?: boolean
  /** A run of line ends that is in the vocabulary is one token. */
  wholeLineEnds?: boolean
  /** Tokens are plain text and spaces U+2581, not the byte alphabet. */
  plain?: 'spaces' | 'words'
}

/** One row a way of cutting, with the names that go by it. A function, so that who reads no GGUF does not pay for it. */
function rules(): readonly Rule[] {
  const { gpt2, cl100k, qwen2 } = patterns
  const contraction = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
  const spaces = '\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+'
  const cjk = '[一-龥\\u3040-ゟ゠-ヿ]+'
  const asciiPunctuation = '[!"#$%&\'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+'
  const markedWords = '[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+'
  const deepseek3 = `${asciiPunctuation}|${markedWords}| ?[\\p{P}\\p{S}]+[\\r\\n]*|${spaces}`
  const bloom = ' ?[^(\\s|.,!?…。，、।۔،)]+'
  // As o200k has it, but marks are not part of words and case is that of ASCII: what llama.cpp makes of o200k.
  const ggmlUpper = '[\\p{L}&&[^a-z]]'
  const ggmlLower = '[\\p{L}&&[^A-Z]]'
  const ggmlO200k = (suffix: string, numbers: string, upper = ggmlUpper, lower = ggmlLower) =>
    `[^\\r\\n\\p{L}\\p{N}]?${upper}*${lower}+${suffix}|[^\\r\\n\\p{L}\\p{N}]?${upper}+${lower}*${suffix}|${numbers}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|${spaces}`
  const cased = (suffix: string, numbers: string) =>
    ggmlO200k(suffix, numbers, '[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]', '[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]')
  const kimi = `[\\p{Han}]+|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}&&[^\\p{Han}]]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}&&[^\\p{Han}]]+${contraction}?|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}&&[^\\p{Han}]]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}&&[^\\p{Han}]]*${contraction}?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|${spaces}`
  /** Cased letters as DeepSeek's first tokenizers list them; by number, since some don't survive NFC. */
  const deepseekLetters = `A-Za-z${'b5 c0-d6 d8-f6 f8-1ba 1bc-1bf 1c4-293 295-2af 370-373 376-377 37b-37d 37f 386 388-38a 38c 38e-3a1 3a3-3f5 3f7-481 48a-52f 531-556 10a0-10c5 13a0-13f5 13f8-13fd 1c90-1cba 1cbd-1cbf 1d00-1d2b 1d6b-1d77 1d79-1d9a 1e00-1f15 1f18-1f1d 1f20-1f45 1f48-1f4d 1f50-1f57 1f59 1f5b 1f5d 1f5f-1f7d 1f80-1fb4 1fb6-1fbc 1fbe 1fc2-1fc4 1fc6-1fcc 1fd0-1fd3 1fd6-1fdb 1fe0-1fec 1ff2-1ff4 1ff6-1ffc 2102 2107 210a-2113 2115 2119-211d 2124 2126 2128 212a-212d 212f-2134 2139 213c-213f 2145-2149 214e 2183-2184 2c00-2c7b 2c7e-2ce4 2ceb-2cee 2cf2-2cf3 a640-a66d a680-a69b a722-a76f a771-a787 a78b-a78e ab70-abbf fb00-fb06 fb13-fb17 ff21-ff3a ff41-ff5a 10400-1044f 104b0-104d3 104d8-104fb 10c80-10cb2 10cc0-10cf2 118a0-118df 1e900-1e943'
    .split(' ')
    .map(range =>
      range
        .split('-')
        .map(cp => `\\x{${cp}}`)
        .join('-'),
    )
    .join('')}`

  return [
    { names: 'default', regexes: ['[\\p{P}\\$\\+<=>\\^~\\|]+', gpt2, '\\p{N}+', '[0-9][0-9][0-9]'] },
    {
      names:
        'gpt-2 phi-2 jina-es jina-de gigachat jina-v2-es jina-v2-de a.x-4.0 mellum modern-bert jina-v1-en jina-v2-code roberta-bpe exaone4 mpt olmo jais trillion granite-docling',
      regexes: [gpt2],
    },
    {
      names: 'llama3 llama-v3 llama-bpe falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano',
      regexes: [cl100k],
      ignoreMerges: true,
      addBos: true,
    },
    { names: 'dbrx smaug-bpe glm4 chatglm-bpe', regexes: [cl100k] },
    {
      names: 'jais-2',
      regexes: [
        `${contraction}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|${[512, 256, 128, 64, 32, 16, 8, 4].map(n => `\\s{${n}}(?!\\S)`).join('|')}|\\s{1,2}(?!\\S)|\\s{1}`,
      ],
    },
    {
      names: 'deepseek-llm',
      regexes: [
        '[\\r\\n]',
        `\\s?[${deepseekLetters}]+`,
        '\\s?[!-/:-~！-／：-～‘-‟\\u3000-。]+',
        '\\s+$',
        '[一-龥ࠀ-一가-\\ud7ff]+',
        '\\p{N}+',
      ],
    },
    {
      names: 'deepseek-coder',
      regexes: ['[\\r\\n]', '\\s?\\p{L}+', '\\s?\\p{P}+', '[一-龥ࠀ-一가-\\ud7ff]+', '\\p{N}'],
    },
    { names: 'deepseek-v3 hunyuan-dense joyai-llm hy_v4', regexes: ['\\p{N}{1,3}', cjk, deepseek3] },
    {
      names: 'spark2_5',
      regexes: [
        '\\p{N}{1,3}',
        cjk,
        `${asciiPunctuation}|${markedWords}| ?[\\p{P}\\p{S}]+|[\\r\\n]|\\s+(?!\\S)|\\s+`,
        '\\p{N}',
      ],
    },
    {
      names: 'youtu',
      regexes: [
        '[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥\\u3040-ゟ゠-ヿ]+',
        cased(`${contraction}?`, '\\p{N}'),
      ],
      ignoreMerges: true,
    },
    { names: 'falcon', regexes: ['[\\p{P}\\$\\+<=>\\^~\\|`]+', gpt2, '[0-9][0-9][0-9]'] },
    {
      names: 'starcoder refact command-r smollm codeshell exaone minerva-7b mellum2',
      regexes: ['\\p{N}', gpt2],
    },
    {
      names: 'stablelm2 qwen2 deepseek-r1-qwen kormo f2llmv2 megrez hunyuan solar-open grok-2',
      regexes: [qwen2],
    },
    // Without contractions, so that Turkish suffixes stay with their apostrophe.
    {
      names: 'ufakzeka',
      regexes: [`[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|${spaces}`],
    },
    {
      names: 'qwen35',
      regexes: [
        `${contraction}|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|${spaces}`,
      ],
    },
    { names: 'poro-chat bloom gpt3-finnish', regexes: [bloom] },
    { names: 'viking', regexes: [bloom, '\\p{N}'] },
    { names: 'tekken', regexes: [ggmlO200k('', '\\p{N}')], ignoreMerges: true, addBos: true },
    {
      names: 'chameleon',
      regexes: [
        '<sentinel:[0-9]+>',
        '(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z',
        '([\\t\\n]|    |  )',
        '\\p{N}',
        '[\\p{P}!-/:-@\\[-`{-~]',
        gpt2,
      ],
      addBos: true,
    },
    {
      names: 'gpt-4o llama4 kanana2 talkie minimax-m2',
      regexes: [ggmlO200k(`${contraction}?`, '\\p{N}{1,3}')],
    },
    {
      names: 'granite-embed-multi-97m',
      regexes: [ggmlO200k(`${contraction}?`, '\\p{N}{1,3}', '[[\\p{L}\\p{M}]&&[^a-z]]', '[[\\p{L}\\p{M}]&&[^A-Z]]')],
      ignoreMerges: true,
    },
    {
      names: 'tiny_aya cohere2moe',
      regexes: ['\\d{1,3}(?=(?:\\d{3})*\\b)', cased(`${contraction}?`, '\\p{N}{1,3}')],
    },
    { names: 'superbpe', regexes: ['\\p{N}+', '(?=(\\d{3})+(?!\\d))'] },
    { names: 'kimi-k2', regexes: [kimi] },
    {
      names: 'bailingmoe bailingmoe2 llada-moe',
      regexes: [
        `'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+`,
      ],
    },
    {
      names: 'seed-coder',
      regexes: [`${contraction}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}\\r\\n]+|${spaces}`],
    },
    {
      names: 'afmoe',
      regexes: [
        // Digits in threes, counted from the end of the number.
        '\\d{1,3}(?=(?:\\d{3})*(?!\\d))',
        '[一-鿿㐀-䶿\\uf900-\\ufaff\\u3040-ゟ゠-ヿ･-ﾟ⼀-\\u2fdfเ-\\u0e7f\\u0e80-\\u0effក-\\u17ffက-႟ꩠ-ꩿꧠ-\\ua9ff가-\\ud7afᄀ-ᇿ]+',
        deepseek3,
      ],
    },
    { names: 'laguna', regexes: ['[^\\n]+|[\\n]+', qwen2] },
    {
      names: 'exaone-moe',
      regexes: [
        `${contraction}|[^\\r\\n\\p{L}\\p{N}]?(?:\\p{L}\\p{M}*(?: \\p{L}\\p{M}*)*)+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]?|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+`,
      ],
    },
    {
      names: 'minicpm5',
      regexes: [
        '\\p{N}{1,3}',
        `${contraction}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}+| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|${spaces}`,
      ],
      ignoreMerges: true,
    },
    {
      names: 'gemma4 granite-embed-multi-311m',
      regexes: ['[^\\n]+|[\\n]+'],
      plain: 'spaces',
      addBos: true,
      wholeLineEnds: true,
    },
    { names: 'sarvam-moe', regexes: ['[^\\n]+|[\\n]+'], plain: 'spaces' },
    { names: 'whitespace', regexes: ['\\S+'], plain: 'words' },
  ]
}

/** Every name that `ggmlPreTokenizer` takes. */
export function ggmlPreNames(): string[] {
  return rules().flatMap(rule => rule.names.split(' '))
}

export type GgmlPre = {
  preTokenizer: PreTokenizer
  normalizer: Normalizer | null
  decoder: Decoder | null
  ignoreMerges: boolean
  byteFallback: boolean
  addBos: boolean
  wholeLineEnds: boolean
}

/** How text is cut under a name of `tokenizer.ggml.pre`, and what llama.cpp sets together with it. */
export function ggmlPreTokenizer(name: string): GgmlPre {
  const rule = rules().find(({ names }) => names.split(' ').includes(name))
  if (!rule)
    throw new TokenizerError(`GGUF: tokenizer.ggml.pre ${name} is not known; known are ${ggmlPreNames().join(', ')}`)
  const steps: PreTokenizer[] = rule.regexes.map(regex => new Split(new Regex(regex), 'Isolated'))
  const isPlain = rule.plain !== undefined
  if (!isPlain) steps.push(new ByteLevel({ addPrefixSpace: false, useRegex: false }))
  const isGpt2 = rule.regexes.length === 1 && rule.regexes[0] === patterns.gpt2
  return {
    preTokenizer: isGpt2 ? new ByteLevel({ addPrefixSpace: false }) : new PreTokenizerSequence(steps),
    normalizer: rule.plain === 'spaces' ? new Replace(' ', '\u2581') : null,
    decoder: isPlain ? new DecoderSequence([new ReplaceDecoder('\u2581', ' '), new ByteFallback(), new Fuse()]) : null,
    ignoreMerges: rule.ignoreMerges ?? false,
    byteFallback: isPlain,
    addBos: rule.addBos ?? false,
    wholeLineEnds: rule.wholeLineEnds ?? false,
  }
}
