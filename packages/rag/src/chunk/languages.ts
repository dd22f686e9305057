// How programming languages are divided, as a table: what opens and closes a block, what a comment and a string look like. This is
// what cutting needs to know of a syntax, and no more.

export interface Language {
  readonly name: string
  readonly extensions: readonly string[]
  /** What holds blocks together. `keywords`: a line that begins one word of `opens` until `end`. */
  readonly blocks: 'brackets' | 'indentation' | 'lines'
  readonly lineComment?: readonly string[]
  readonly blockComment?: readonly (readonly [open: string, close: string])[]
  /** What encloses strings, the longest first. */
  readonly strings: readonly string[]
}

const c = { blocks: 'brackets', lineComment: ['//'], blockComment: [['/*', '*/']], strings: ['"', "'"] } as const
const script = { ...c, strings: ['"', "'", '`'] } as const
const hash = { lineComment: ['#'], strings: ['"', "'"] } as const

export const languages: readonly Language[] = [
  { name: 'typescript', extensions: ['ts', 'tsx', 'mts', 'cts'], ...script },
  { name: 'javascript', extensions: ['js', 'jsx', 'mjs', 'cjs'], ...script },
  { name: 'go', extensions: ['go'], ...script },
  { name: 'c', extensions: ['c', 'h'], ...c },
  { name: 'cpp', extensions: ['cc', 'cpp', 'cxx', 'hpp', 'hh'], ...c },
  { name: 'csharp', extensions: ['cs'], ...c },
  { name: 'java', extensions: ['java'], ...c },
  { name: 'kotlin', extensions: ['kt', 'kts'], ...c, strings: ['"""', '"', "'"] },
  { name: 'scala', extensions: ['scala'], ...c, strings: ['"""', '"', "'"] },
  { name: 'swift', extensions: ['swift'], ...c, strings: ['"""', '"'] },
  // A single quote is a lifetime more often than a character.
  { name: 'rust', extensions: ['rs', 'wgsl'], ...c, strings: ['"'] },
  { name: 'php', extensions: ['php'], ...c, lineComment: ['//', '#'] },
  { name: 'css', extensions: ['css', 'scss', 'less'], ...c, lineComment: [] },
  { name: 'python', extensions: ['py', 'pyi'], blocks: 'indentation', ...hash, strings: ['"""', "'''", '"', "'"] },
  { name: 'ruby', extensions: ['rb'], blocks: 'indentation', ...hash },
  { name: 'lua', extensions: ['lua'], blocks: 'indentation', lineComment: ['--'], strings: ['"', "'"] },
  { name: 'yaml', extensions: ['yaml', 'yml'], blocks: 'indentation', ...hash },
  { name: 'toml', extensions: ['toml', 'ini', 'cfg'], blocks: 'lines', ...hash },
  { name: 'shell', extensions: ['sh', 'bash', 'zsh', 'Makefile', 'Dockerfile'], blocks: 'lines', ...hash },
  { name: 'sql', extensions: ['sql'], blocks: 'lines', lineComment: ['--'], strings: ["'"] },
]

export const languageOf = (extension: string): Language | undefined =>
  languages.find(({ extensions }) => extensions.includes(extension))
