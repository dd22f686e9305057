// For tests only: tokenizer.json files that between them use every component, with vocabularies from the shared data.
// They are typed loosely, as what they are: JSON.
import { readSharedText } from './shared-data.ts'

// biome-ignore lint/suspicious/noExplicitAny: JSON of any shape
type TokenizerJSON = any

export function tokenizerConfigs(): Record<string, TokenizerJSON> {
  const bertVocab = Object.fromEntries(
    readSharedText('tokenizers/bert-uncased/vocab.txt.gz')
      .trimEnd()
      .split('\n')
      .map((t, i) => [t, i]),
  )
  const gptVocab = JSON.parse(readSharedText('tokenizers/gpt2/encoder.json.gz'))
  const gptMerges = readSharedText('tokenizers/gpt2/vocab.bpe.gz').split('\n').slice(1).filter(Boolean)
  const added0 = [
    {
      id: 60000,
      content: '<|endoftext|>',
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    },
    { id: 60001, content: '<s>', single_word: false, lstrip: true, rstrip: false, normalized: false, special: true },
    { id: 60002, content: '[MASK]', single_word: false, lstrip: true, rstrip: true, normalized: false, special: true },
    { id: 60003, content: 'hello', single_word: true, lstrip: false, rstrip: false, normalized: true, special: false },
    { id: 60004, content: '<x>', single_word: false, lstrip: false, rstrip: true, normalized: true, special: false },
    {
      id: 60005,
      content: '日本語',
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: true,
      special: false,
    },
    { id: 60006, content: 'ab', single_word: false, lstrip: false, rstrip: false, normalized: false, special: false },
  ]
  const idsFor = (model: TokenizerJSON) => {
    const known = Array.isArray(model.vocab)
      ? Object.fromEntries(model.vocab.map(([t]: [string], i: number) => [t, i]))
      : model.vocab
    let next = Object.keys(known).length
    return added0.map(t => ({ ...t, id: known[t.content] ?? next++ }))
  }
  const bpe = {
    type: 'BPE',
    dropout: null,
    unk_token: null,
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: false,
    byte_fallback: false,
    ignore_merges: false,
    vocab: gptVocab,
    merges: gptMerges,
  }
  const wp = {
    type: 'WordPiece',
    unk_token: '[UNK]',
    continuing_subword_prefix: '##',
    max_input_chars_per_word: 100,
    vocab: bertVocab,
  }
  // small BPE over raw chars
  const chars = [...new Set('abcdefghijklmnopqrstuvwxyzHELOTW▁ .,!é中文日本語テ12345<>|s/')]
  const smallVocab = Object.fromEntries(
    ['<unk>', ...chars, 'he', 'll', '▁t', '▁th', '▁the', 'ab', 'abab', 'lo', 'hell', 'hello', '▁h', '##x'].map(
      (t, i) => [t, i],
    ),
  )
  const smallBpe = (o: TokenizerJSON) => ({
    ...bpe,
    vocab: {
      ...smallVocab,
      ...(o.byte_fallback
        ? Object.fromEntries(
            Array.from({ length: 256 }, (_, b) => [`<0x${b.toString(16).toUpperCase().padStart(2, '0')}>`, 100 + b]),
          )
        : {}),
    },
    merges: ['▁ t', '▁t h', '▁th e', 'h e', 'l l', 'he ll', 'l o', 'a b', 'ab ab', 'hell o']
      .filter(m => m !== 'x')
      .map(m => m.split(' '))
      .filter(
        ([a, b]) => smallVocab[a] !== undefined && smallVocab[b] !== undefined && smallVocab[a + b] !== undefined,
      ),
    unk_token: '<unk>',
    ...o,
  })
  const uni = {
    type: 'Unigram',
    unk_id: 0,
    byte_fallback: false,
    vocab: [
      ['<unk>', 0],
      ...chars.map((c, i) => [c, -5 - i * 0.01]),
      ['he', -4],
      ['ll', -4.2],
      ['▁the', -3],
      ['▁', -3.5],
      ['ab', -4.5],
      ['abab', -6],
      ['hello', -5],
      ['日本', -6],
    ].filter((x, i, a) => a.findIndex(y => y[0] === x[0]) === i),
  }
  const configs: Record<string, TokenizerJSON> = {}
  const base = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: null,
    post_processor: null,
    decoder: null,
  }
  const bl = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true }
  configs.gpt2 = { ...base, model: bpe, pre_tokenizer: bl, decoder: bl, post_processor: bl, added_tokens: added0 }
  configs.gpt2prefix = {
    ...base,
    model: bpe,
    pre_tokenizer: { ...bl, add_prefix_space: true },
    post_processor: { ...bl, add_prefix_space: true },
    added_tokens: added0,
  }
  configs.gpt2notrim = {
    ...base,
    model: bpe,
    pre_tokenizer: { ...bl, use_regex: false },
    post_processor: { ...bl, trim_offsets: false },
  }
  configs.roberta = {
    ...base,
    model: bpe,
    pre_tokenizer: { ...bl, add_prefix_space: true },
    post_processor: {
      type: 'RobertaProcessing',
      sep: ['</s>', 2],
      cls: ['<s>', 0],
      trim_offsets: true,
      add_prefix_space: true,
    },
    added_tokens: added0,
  }
  const bertN = {
    type: 'BertNormalizer',
    clean_text: true,
    handle_chinese_chars: true,
    strip_accents: null,
    lowercase: true,
  }
  configs.bert = {
    ...base,
    model: wp,
    normalizer: bertN,
    pre_tokenizer: { type: 'BertPreTokenizer' },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    post_processor: { type: 'BertProcessing', sep: ['[SEP]', 102], cls: ['[CLS]', 101] },
    added_tokens: added0,
  }
  configs.bertcased = {
    ...base,
    model: wp,
    normalizer: { ...bertN, lowercase: false, strip_accents: true, clean_text: false },
    pre_tokenizer: { type: 'BertPreTokenizer' },
  }
  for (const f of ['NFC', 'NFD', 'NFKC', 'NFKD'])
    configs[`norm${f}`] = {
      ...base,
      model: wp,
      normalizer: { type: f },
      pre_tokenizer: { type: 'Whitespace' },
      added_tokens: added0,
    }
  configs.nfdstrip = {
    ...base,
    model: wp,
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'NFD' },
        { type: 'StripAccents' },
        { type: 'Lowercase' },
        { type: 'Strip', strip_left: true, strip_right: true },
      ],
    },
    pre_tokenizer: { type: 'WhitespaceSplit' },
    added_tokens: added0,
  }
  configs.nmt = {
    ...base,
    model: wp,
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'Nmt' },
        { type: 'NFKC' },
        { type: 'Replace', pattern: { Regex: ' {2,}' }, content: ' ' },
        { type: 'Replace', pattern: { String: '``' }, content: '"' },
      ],
    },
    pre_tokenizer: { type: 'Whitespace' },
  }
  configs.scripts = { ...base, model: wp, pre_tokenizer: { type: 'UnicodeScripts' } }
  configs.punct = {
    ...base,
    model: wp,
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Punctuation', behavior: 'MergedWithPrevious' },
        { type: 'Digits', individual_digits: true },
      ],
    },
  }
  configs.punct2 = {
    ...base,
    model: wp,
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'CharDelimiterSplit', delimiter: ' ' },
        { type: 'Punctuation', behavior: 'MergedWithNext' },
        { type: 'Digits', individual_digits: false },
      ],
    },
  }
  configs.fixed = { ...base, model: wp, pre_tokenizer: { type: 'FixedLength', length: 3 } }
  configs.contig = { ...base, model: wp, pre_tokenizer: { type: 'Punctuation', behavior: 'Contiguous' } }
  for (const b of ['Removed', 'Isolated', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous']) {
    configs[`split${b}`] = {
      ...base,
      model: wp,
      pre_tokenizer: { type: 'Split', pattern: { Regex: '\\s+|[^\\w\\s]' }, behavior: b, invert: false },
    }
    configs[`splitinv${b}`] = {
      ...base,
      model: wp,
      pre_tokenizer: { type: 'Split', pattern: { Regex: '\\w+' }, behavior: b, invert: true },
    }
  }
  const reg = {
    cl100k:
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
    o200k:
      "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
    poss: "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+",
    anchors: '^\\w+|\\w+$|\\b\\d|(?<=a)b|(?<!\\s)[A-Z&&[^H]]|\\h{2,3}?',
    kimi: "[\\p{Han}]+|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}&&[^\\p{Han}]]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}&&[^\\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
    digits: '(?=(\\d{3})+(?!\\d))',
    digits2: '\\d{1,3}(?=(?:\\d{3})*\\b)',
    exaone:
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?(?:\\p{L}\\p{M}*(?: \\p{L}\\p{M}*)*)+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]?|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+",
    classes: '[[:punct:]]+|[[:alpha:]]+|\\p{^L}',
    dot: '.(?=\\s)|(?m:.)x|[^a-z-\\d]',
    words: '\\w+|\\W',
  }
  for (const [k, v] of Object.entries(reg))
    configs[`re_${k}`] = {
      ...base,
      model: bpe,
      pre_tokenizer: {
        type: 'Sequence',
        pretokenizers: [
          { type: 'Split', pattern: { Regex: v }, behavior: 'Isolated', invert: false },
          { ...bl, use_regex: false },
        ],
      },
      added_tokens: added0.slice(0, 2),
      decoder: bl,
    }
  for (const [k, o] of Object.entries({
    plain: {},
    fuse: { fuse_unk: true },
    bytes: { byte_fallback: true, fuse_unk: true },
    ignore: { ignore_merges: true },
    suffix: { end_of_word_suffix: '</w>' },
  }))
    configs[`small_${k}`] = {
      ...base,
      model: smallBpe(o),
      normalizer: {
        type: 'Sequence',
        normalizers: [
          { type: 'Prepend', prepend: '▁' },
          { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
        ],
      },
      added_tokens: added0,
      decoder: {
        type: 'Sequence',
        decoders: [
          { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
          { type: 'ByteFallback' },
          { type: 'Fuse' },
          { type: 'Strip', content: ' ', start: 1, stop: 0 },
        ],
      },
    }
  for (const s of ['always', 'first', 'never'])
    for (const split of [true, false])
      configs[`uni_${s}${split}`] = {
        ...base,
        model: { ...uni },
        pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: s, split },
        decoder: { type: 'Metaspace', replacement: '▁', prepend_scheme: s, split },
        added_tokens: added0,
      }
  configs.blnorm = { ...base, model: bpe, normalizer: { type: 'ByteLevel' }, pre_tokenizer: null, added_tokens: added0 }
  configs.template = {
    ...configs.bert,
    post_processor: {
      type: 'TemplateProcessing',
      single: [
        { SpecialToken: { id: '[CLS]', type_id: 0 } },
        { Sequence: { id: 'A', type_id: 0 } },
        { SpecialToken: { id: '[SEP]', type_id: 0 } },
      ],
      pair: [
        { SpecialToken: { id: '[CLS]', type_id: 0 } },
        { Sequence: { id: 'A', type_id: 0 } },
        { SpecialToken: { id: '[SEP]', type_id: 0 } },
        { Sequence: { id: 'B', type_id: 1 } },
        { SpecialToken: { id: '[SEP]', type_id: 1 } },
      ],
      special_tokens: {
        '[CLS]': { id: '[CLS]', ids: [101], tokens: ['[CLS]'] },
        '[SEP]': { id: '[SEP]', ids: [102], tokens: ['[SEP]'] },
      },
    },
  }
  configs.trunc = {
    ...configs.template,
    truncation: { direction: 'Right', max_length: 16, strategy: 'LongestFirst', stride: 2 },
    padding: {
      strategy: { Fixed: 10 },
      direction: 'Left',
      pad_to_multiple_of: null,
      pad_id: 0,
      pad_type_id: 0,
      pad_token: '[PAD]',
    },
  }

  for (const json of Object.values(configs)) if (json.added_tokens.length) json.added_tokens = idsFor(json.model)
  return configs
}
