// The tokenizer.bin of llama2.c: max_token_length i32, then per token score f32, length i32, bytes; little endian.
// Its encoder joins the neighbours whose union is a token of the best score, the leftmost first, after a space put in
// front; characters outside the vocabulary become their bytes, three ids up. All of that is BPE with byte fallback.
import { addedToken } from '../added/added-token.ts'
import { ByteFallback } from '../decoders/byte-fallback.ts'
import { Fuse } from '../decoders/fuse.ts'
import { DecoderSequence } from '../decoders/sequence.ts'
import { StripDecoder } from '../decoders/strip.ts'
import { TokenizerFormatError } from '../errors.ts'
import { BPE } from '../models/bpe.ts'
import { Prepend } from '../normalizers/prepend.ts'
import { TemplateProcessor } from '../postprocessors/template.ts'
import type { TokenizerParts } from '../tokenizer.ts'
import { scoreMerges } from './score-merges.ts'

/** The first three ids, which the file spells with line breaks around them for show. */
const SPECIALS = ['<unk>', '<s>', '</s>']

export function readLlama2c(bytes: Uint8Array): TokenizerParts {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const bad = (where: number, problem: string): never => {
    throw new TokenizerFormatError('llama2.c tokenizer.bin', `byte ${where}`, problem)
  }
  if (bytes.length < 4) bad(0, 'the file ends inside its header')
  const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  const tokens: string[] = []
  const scores: number[] = []
  for (let at = 4; at < bytes.length; ) {
    if (at + 8 > bytes.length) bad(at, 'the file ends inside a token')
    const length = view.getInt32(at + 4, true)
    if (length < 0 || length > bytes.length - at - 8) bad(at + 4, `a token of ${length} bytes does not fit in the file`)
    scores.push(view.getFloat32(at, true))
    try {
      tokens.push(utf8.decode(bytes.subarray(at + 8, at + 8 + length)))
    } catch {
      bad(at + 8, 'the token is not UTF-8')
    }
    at += 8 + length
  }
  if (tokens.length < SPECIALS.length) bad(4, `${tokens.length} tokens, where at least ${SPECIALS.length} are needed`)
  SPECIALS.forEach((token, id) => {
    tokens[id] = token
  })
  return {
    normalizer: new Prepend(' '),
    preTokenizer: null,
    model: new BPE({
      vocab: tokens.map((token, id) => [token, id] as const),
      merges: scoreMerges(tokens, scores, id => id >= SPECIALS.length),
      byteFallback: true,
      unkToken: SPECIALS[0],
      fuseUnk: true,
    }),
    postProcessor: new TemplateProcessor({ single: '<s> $A', pair: '<s> $A <s> $B', specialTokens: [['<s>', 1]] }),
    decoder: new DecoderSequence([new ByteFallback(), new Fuse(), new StripDecoder(' ', 1, 0)]),
    addedTokens: SPECIALS.map((token, id) => [id, addedToken({ content: token, special: true })]),
  }
}
