// For tests only: sentencepiece's own programs, where they are installed (Debian's package `sentencepiece`).
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

function find(): boolean {
  try {
    execFileSync('spm_train', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** Can `spm_train` and `spm_encode` be run? */
export const hasSentencePiece: boolean = find()

/** The .model that spm_train makes of a text. */
export function spmTrain(text: string, options: Record<string, string | number | boolean>): Uint8Array {
  return withFolder(folder => {
    writeFileSync(join(folder, 'text'), text)
    const flags = { input: join(folder, 'text'), model_prefix: join(folder, 'm'), hard_vocab_limit: false, ...options }
    execFileSync(
      'spm_train',
      Object.entries(flags).map(([key, value]) => `--${key}=${value}`),
      { stdio: 'ignore' },
    )
    return new Uint8Array(readFileSync(join(folder, 'm.model')))
  })
}

/** The ids that spm_encode gives for each line. */
export function spmEncode(model: Uint8Array, lines: readonly string[]): number[][] {
  return withFolder(folder => {
    writeFileSync(join(folder, 'm.model'), model)
    const out = execFileSync('spm_encode', [`--model=${join(folder, 'm.model')}`, '--output_format=id'], {
      input: lines.join('\n'),
      stdio: ['pipe', 'pipe', 'ignore'],
      maxBuffer: 1 << 28,
    })
    return new TextDecoder()
      .decode(out)
      .split('\n')
      .slice(0, lines.length)
      .map(line => line.split(' ').filter(Boolean).map(Number))
  })
}

/** The texts that spm_decode gives for lists of ids. */
export function spmDecode(model: Uint8Array, ids: readonly (readonly number[])[]): string[] {
  return withFolder(folder => {
    writeFileSync(join(folder, 'm.model'), model)
    const out = execFileSync('spm_decode', [`--model=${join(folder, 'm.model')}`, '--input_format=id'], {
      input: ids.map(line => line.join(' ')).join('\n'),
      stdio: ['pipe', 'pipe', 'ignore'],
      maxBuffer: 1 << 28,
    })
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(out).split('\n').slice(0, ids.length)
  })
}

/** What spm_normalize makes of each line by a model's rules. */
export function spmNormalize(model: Uint8Array, lines: readonly string[]): string[] {
  return withFolder(folder => {
    writeFileSync(join(folder, 'm.model'), model)
    const out = execFileSync('spm_normalize', [`--model=${join(folder, 'm.model')}`, '--use_internal_normalization'], {
      input: lines.join('\n'),
      stdio: ['pipe', 'pipe', 'ignore'],
      maxBuffer: 1 << 28,
    })
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(out).split('\n').slice(0, lines.length)
  })
}

function withFolder<T>(use: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'spm-'))
  try {
    return use(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}
