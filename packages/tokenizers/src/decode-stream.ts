// Decoding ids one at a time.
import type { Sink } from './decoders/decoder.ts'

/** Takes ids, gives text. */
export class DecodeStream {
  private pending = ''
  private readonly run: { push(id: number): void; end(): void }

  /** @internal Made by `Tokenizer.decodeStream`. */
  constructor(start: (emit: (text: string) => void) => { push(id: number): void; end(): void }) {
    this.run = start(text => {
      this.pending += text
    })
  }

  /** The text that this id completes; often empty. */
  push(id: number): string {
    this.run.push(id)
    return this.take()
  }

  /** The text that was still held back. */
  end(): string {
    this.run.end()
    return this.take()
  }

  private take(): string {
    const text = this.pending
    this.pending = ''
    return text
  }
}

/** Without a decoder, tokens are joined by spaces. */
export function joinTokens(sink: Sink): Sink {
  let isFirst = true
  return {
    fragment(text) {
      sink.fragment(isFirst ? text : ` ${text}`)
      isFirst = false
    },
    endToken() {},
    end() {},
  }
}
