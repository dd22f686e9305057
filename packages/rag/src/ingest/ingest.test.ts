import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { RagArgumentError, RagIngestError } from '../errors.ts'
import { randomFrom, zipfText } from '../testing/random.ts'
import { type LoadedDocument, lineAt, placesOf, without } from './document.ts'
import { docxLoader } from './docx.ts'
import { diskFile, folderFiles } from './folder.ts'
import { htmlLoader } from './html.ts'
import { type IngestOptions, type IngestReport, ingest, textLoaders } from './ingest.ts'
import { type FileInput, fileOf } from './loader.ts'
import { NearDuplicates } from './near-duplicates.ts'
import { pdfLoader } from './pdf.ts'
import { csvLoader, jsonLoader } from './records.ts'
import { docx, epub, pdf, zip } from './testing/files.ts'
import { zipLoader } from './zip.ts'

const everything = [...textLoaders(), htmlLoader(), pdfLoader(), docxLoader(), zipLoader()]

async function take(
  files: Iterable<FileInput> | AsyncIterable<FileInput>,
  options: IngestOptions = {},
): Promise<{ documents: LoadedDocument[]; report: IngestReport }> {
  const batch = ingest(files, { loaders: everything, ...options })
  const documents: LoadedDocument[] = []
  for await (const document of batch) documents.push(document)
  return { documents, report: batch.report }
}

const one = async (path: string, content: string | Uint8Array, options?: IngestOptions) => {
  const { documents, report } = await take([fileOf(path, content)], options)
  expect(report.leftOut).toEqual([])
  expect(documents).toHaveLength(1)
  return documents[0]
}

const problems = ({ leftOut }: IngestReport) => leftOut.map(({ problem, path }) => `${path}: ${problem}`)

/** Each place whose stretch has the length of the file's is that stretch of the file. */
function expectExact(document: LoadedDocument, file: string): number {
  let exact = 0
  for (const place of document.places)
    if (place.file && place.file[1] - place.file[0] === place.end - place.start) {
      expect(document.text.slice(place.start, place.end).replace(/\s/g, ' ')).toBe(
        file.slice(...place.file).replace(/\s/g, ' '),
      )
      exact++
    }
  return exact
}

describe('loaders', () => {
  test('Markdown: headings above each stretch, the file as it is', async () => {
    const text = '# Whales\nBig.\n\n## Teeth\nSome.\n```\n# no heading\n```\nFins\n====\nTwo.\n'
    const document = await one('a.md', text)
    expect(document).toMatchObject({ text, title: 'Whales', format: 'markdown', firstLine: 1 })
    expect(document.places.map(({ headings }) => headings)).toEqual([['Whales'], ['Whales', 'Teeth'], ['Fins']])
    expect(placesOf(document, text.indexOf('Some'), text.indexOf('Some') + 4)).toMatchObject([
      { headings: ['Whales', 'Teeth'], file: [text.indexOf('Some'), text.indexOf('Some') + 4] },
    ])
    expectExact(document, text)
  })

  test('a long text becomes parts, cut between lines, with their places in the file', async () => {
    const lines = Array.from({ length: 40 }, (_, i) => `line number ${i}\n`).join('')
    const { documents } = await take([fileOf('long.txt', lines)], { limits: { partLength: 100 } })
    expect(documents.length).toBeGreaterThan(5)
    expect(documents.map(({ text }) => text).join('')).toBe(lines)
    expect(documents.every(({ text }) => text.endsWith('\n') && text.length <= 100)).toBe(true)
    for (const { text, places, firstLine } of documents) {
      expect(lines.slice(...places[0].file!)).toBe(text)
      expect(lineAt(lines, places[0].file![0])).toBe(firstLine)
    }
  })

  test('HTML: text with places in the file, headings, no scripts', async () => {
    const html =
      '<html><head><title>The  Page</title><script>alert("no")</script></head><body><h1>Top &amp; all</h1><p>One   two\n<b>three</b>four.</p><ul><li>a</li><li>b</li></ul><nav>menu</nav><h2>Low</h2><pre>x\n  y</pre></body></html>'
    const document = await one('page.html', html)
    expect(document.title).toBe('The Page')
    expect(document.text).toBe('Top & all\n\nOne two threefour.\n\na\nb\n\nLow\n\nx\n  y')
    expect(placesOf(document, document.text.indexOf('y'), document.text.length)).toMatchObject([
      { headings: ['Top & all', 'Low'] },
    ])
    expect(expectExact(document, html)).toBeGreaterThan(4)
    const declared = Uint8Array.from('<meta charset="windows-1252"><p>caf\u00e9', c => c.charCodeAt(0))
    expect((await one('old.htm', declared)).text).toBe('caf\u00e9')
  })

  test('HTML that is nested deeply is read, and refused where it is too deep', async () => {
    const { documents, report } = await take([
      fileOf('deep.html', `${'<div>'.repeat(1500)}down here`),
      fileOf('deeper.html', '<div>'.repeat(1_000_000)),
      fileOf('flat.html', `${'<br><p>x'.repeat(20_000)}`),
    ])
    expect(documents.map(({ text }) => text.length)).toEqual([9, 20_000 + 2 * 19_999])
    expect(problems(report)).toEqual(['deeper.html: bomb'])
  })

  test('PDF: pages, lines, words divided at line ends, without what every page repeats', async () => {
    const pages = [1, 2, 3, 4].map(n => [
      'The Annual Report',
      `Chapter ${n} speaks of whal-`,
      'es and ships.',
      `Page ${n}`,
    ])
    const document = await one('r.pdf', pdf(pages))
    expect(document.text).toBe([1, 2, 3, 4].map(n => `Chapter ${n} speaks of whales and ships.`).join('\n\n'))
    expect(document.places.map(({ page }) => page)).toEqual([1, 2, 3, 4])
  })

  test('DOCX: paragraphs under headings', async () => {
    const document = await one('w.docx', docx(['# Intro', 'Hello there.', '# Then', 'Bye.']))
    expect(document.text).toBe('Intro\n\nHello there.\n\nThen\n\nBye.')
    expect(placesOf(document, document.text.length - 2, document.text.length)[0].headings).toEqual(['Then'])
  })

  test('EPUB in the order of its spine, ZIP entry by entry', async () => {
    const book = await take([fileOf('b.epub', epub({ 'two.xhtml': '<p>Second', 'one.xhtml': '<p>First' }))])
    expect(book.documents.map(({ id, text, title }) => [id, text, title])).toEqual([
      ['b.epub#OPS/one.xhtml', 'First', 'A Book'],
      ['b.epub#OPS/two.xhtml', 'Second', 'A Book'],
    ])
    const archive = await take([fileOf('a.zip', zip({ 'x.txt': 'plain', 'sub/y.md': '# T\nmark', 'z.bin': '?' }))])
    expect(archive.documents.map(({ id, source }) => [id, source])).toEqual([
      ['a.zip#x.txt', 'a.zip'],
      ['a.zip#sub/y.md', 'a.zip'],
    ])
    expect(problems(archive.report)).toEqual(['a.zip#z.bin: unsupported'])
  })

  test('CSV: a document for each row; quotes, and rows that do not fit', async () => {
    const csv = 'name,note\nWhale,"big, ""very""\nbig"\nbad\nRat,small\n'
    const { documents, report } = await take([fileOf('t.csv', csv)], {
      loaders: [csvLoader({ title: 'name', metadata: ['name'] })],
    })
    expect(documents.map(({ text }) => text)).toEqual(['name: Whale\nnote: big, "very"\nbig', 'name: Rat\nnote: small'])
    expect(documents[0]).toMatchObject({ id: 't.csv#2', title: 'Whale', metadata: { name: 'Whale' }, firstLine: 2 })
    expect(csv.slice(...documents[1].places[0].file!)).toBe('Rat,small')
    expect(problems(report)).toEqual(['t.csv#4: malformed'])
    const open = await take([fileOf('o.csv', 'a,b\n1,"never closed\n2,3\n')])
    expect(problems(open.report)).toEqual(['o.csv#2: malformed'])
  })

  test('JSON lines and JSON: fields by their pointers', async () => {
    const jsonl = '{"t":"one","n":{"x":[1,2]}}\n\nnot json\n{"t":"two"}'
    const { documents, report } = await take([fileOf('r.jsonl', jsonl)])
    expect(documents.map(({ text }) => text)).toEqual(['t: one\nn/x/0: 1\nn/x/1: 2', 'two'])
    expect(jsonl.slice(...documents[1].places[0].file!)).toBe('{"t":"two"}')
    expect(problems(report)).toEqual(['r.jsonl#3: malformed'])
    const list = await take([fileOf('l.json', '[{"a":"x","b":"y"},{"a":"z"}]')], {
      loaders: [jsonLoader({ text: ['a'] })],
    })
    expect(list.documents.map(({ id, text, places }) => [id, text, places[0].pointer])).toEqual([
      ['l.json#/0', 'x', '/0/a'],
      ['l.json#/1', 'z', '/1/a'],
    ])
  })
})

describe('bad input costs its own file and nothing else', () => {
  const good = fileOf('good.txt', 'all is well')
  const leftOut = async (path: string, content: string | Uint8Array, options?: IngestOptions) => {
    const { documents, report } = await take([fileOf(path, content), good], options)
    expect(documents.at(-1)!.id).toBe('good.txt')
    expect(report.leftOut.every(error => error instanceof RagIngestError)).toBe(true)
    return problems(report)
  }

  test('wrong encodings, binary, JSON that is none, nesting without end', async () => {
    expect(await leftOut('latin.txt', Uint8Array.of(99, 97, 102, 0xe9, 10))).toEqual(['latin.txt: wrong encoding'])
    expect(await leftOut('cut.txt', Uint8Array.of(97, 0xe2, 0x82))).toEqual(['cut.txt: wrong encoding'])
    expect(await leftOut('b.txt', Uint8Array.of(1, 0, 2))).toEqual(['b.txt: malformed'])
    expect(await leftOut('x.json', '{"a":')).toEqual(['x.json: malformed'])
    expect(await leftOut('d.json', '['.repeat(5000) + ']'.repeat(5000))).toEqual(['d.json#/0: malformed'])
    expect(await leftOut('what.xyz', 'x')).toEqual(['what.xyz: unsupported'])
    const utf16 = Uint8Array.from(Buffer.from('\ufeffcaf\u00e9', 'utf16le'))
    expect((await one('u.txt', utf16)).text).toBe('caf\u00e9')
  })

  test('broken PDFs: cut anywhere, and with bytes changed', async () => {
    const whole = pdf([['Some text here'], ['More of it']])
    const seed = 7
    const random = randomFrom(seed)
    for (let i = 0; i < 25; i++) {
      const bytes = whole.slice(0, i % 2 ? whole.length : Math.floor(random() * whole.length))
      for (let j = 0; j < 20 && i % 2; j++) bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256)
      const { documents } = await take([fileOf('x.pdf', bytes), good])
      expect(documents.at(-1)!.id, `seed ${seed}, case ${i}`).toBe('good.txt')
    }
    expect(await leftOut('no.pdf', 'this is no PDF at all')).toEqual(['no.pdf: malformed'])
  })

  test('zip bombs by ratio, by total and by overlap; entries that lead out; damage', async () => {
    const zeros = new Uint8Array(20 << 20)
    const bomb = zip({ 'zeros.txt': zeros, 'fine.txt': 'fine' })
    expect(bomb.length).toBeLessThan(100_000)
    const { documents, report } = await take([fileOf('bomb.zip', bomb)])
    expect(problems(report)).toEqual(['bomb.zip#zeros.txt: bomb'])
    expect(documents.map(({ id }) => id)).toEqual(['bomb.zip#fine.txt'])
    const many = zip({ 'a.txt': 'x'.repeat(900), 'b.txt': 'y'.repeat(900), 'c.txt': 'z' })
    expect(await leftOut('m.zip', many, { limits: { archiveBytes: 1000 } })).toEqual(['m.zip#b.txt: bomb'])
    expect(await leftOut('n.zip', many, { limits: { archiveEntries: 2 } })).toEqual(['n.zip: bomb'])
    expect(await leftOut('e.zip', zip({ '../../etc/x.txt': '!', '/abs.txt': '!', 'C:\\w.txt': '!' }))).toEqual([
      'e.zip#../../etc/x.txt: unsafe path',
      'e.zip#/abs.txt: unsafe path',
      'e.zip#C:\\w.txt: unsafe path',
    ])
    expect(await leftOut('i.zip', zip({ 'in.zip': zip({ 'x.txt': 'x' }) }))).toEqual(['i.zip#in.zip: unsupported'])
    expect(await leftOut('d.docx', zip({ 'word/document.xml': zeros }))).toEqual(['d.docx#word/document.xml: bomb'])
    expect(await leftOut('cut.zip', many.slice(0, many.length - 30))).toEqual(['cut.zip: malformed'])
    // Both entries of the directory lead to the same bytes.
    const overlap = zip({ 'a.txt': 'x'.repeat(50), 'b.txt': 'y'.repeat(50) })
    const view = new DataView(overlap.buffer)
    const second = view.getUint32(overlap.length - 6, true) + 46 + 5
    view.setUint32(second + 42, 0, true)
    expect(await leftOut('o.zip', overlap)).toEqual(['o.zip#b.txt: bomb'])
  })

  test('archives with bytes changed at random', async () => {
    const whole = zip({ 'a.txt': 'x'.repeat(500), 'b.md': '# T\ntext', 'c.html': '<p>x' })
    const seed = 11
    const random = randomFrom(seed)
    for (let i = 0; i < 200; i++) {
      const bytes = whole.slice()
      for (let j = 0; j < 1 + i / 20; j++) bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256)
      const { documents } = await take([fileOf('x.zip', bytes), good])
      expect(documents.at(-1)!.id, `seed ${seed}, case ${i}`).toBe('good.txt')
    }
  })

  test('a line of 32 MB: text in parts, records left out, and the next record is found', async () => {
    const block = new Uint8Array(1 << 16).fill(120)
    const endless = (path: string, head: string, tail: string): FileInput => ({
      path,
      async *stream() {
        yield new TextEncoder().encode(head)
        for (let i = 0; i < 512; i++) yield block
        yield new TextEncoder().encode(tail)
      },
    })
    const { documents, report } = await take(
      [
        endless('l.txt', '', ''),
        endless('l.jsonl', '{"t":"', '"}\n{"t":"found"}\n'),
        endless('l.csv', 'a,b\n1,"', '"\n2,found\n'),
        endless('l.html', '<p>', ''),
      ],
      { limits: { fileBytes: 1 << 20 }, duplicates: false },
    )
    expect(documents.filter(({ source }) => source === 'l.txt').map(({ text }) => text.length)).toEqual(
      Array.from({ length: 8 }, () => 4 << 20),
    )
    expect(documents.filter(({ source }) => source !== 'l.txt').map(({ text }) => text)).toEqual([
      'found',
      'a: 2\nb: found',
    ])
    expect(problems(report)).toEqual(['l.jsonl#1: too large', 'l.csv#2: too large', 'l.html: too large'])
  })

  test('a file that does not come in time, and one whose reading fails', async () => {
    const hangs: FileInput = {
      path: 'h.txt',
      stream: () => ({ [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }) }),
    }
    const fails: FileInput = {
      path: 'f.txt',
      // biome-ignore lint/correctness/useYield: it fails first
      async *stream() {
        throw new Error('the disk is gone')
      },
    }
    const { documents, report } = await take([hangs, fails, good], { limits: { time: 50 } })
    expect(documents).toHaveLength(1)
    expect(problems(report)).toEqual(['h.txt: too slow', 'f.txt: malformed'])
  })
})

test('folders: globs, order, links out of the folder, hidden files', async () => {
  const base = await mkdtemp(join(tmpdir(), 'cairn-folder-'))
  try {
    const folder = join(base, 'docs')
    await mkdir(join(folder, 'sub'), { recursive: true })
    await mkdir(join(folder, 'node_modules'))
    await writeFile(join(base, 'secret.txt'), 'secret')
    for (const name of ['b.md', 'a.txt', 'sub/c.md', '.env', 'node_modules/x.md'])
      await writeFile(join(folder, name), `this is ${name}`)
    await symlink(join(base, 'secret.txt'), join(folder, 'out.txt'))
    await symlink(base, join(folder, 'up'))
    await symlink(join(folder, 'a.txt'), join(folder, 'inner.txt'))
    const refused: string[] = []
    const paths = async (options = {}) => {
      const found: string[] = []
      const leaveOut = (error: RagIngestError) => refused.push(`${error.path}: ${error.problem}`)
      for await (const { path } of folderFiles(folder, { leaveOut, ...options })) found.push(path)
      return found
    }
    expect(await paths()).toEqual(['a.txt', 'b.md', 'sub/c.md'])
    expect(refused).toEqual(['out.txt: unsafe path', 'up: unsafe path'])
    expect(await paths({ include: ['**/*.md'], exclude: ['sub'] })).toEqual(['b.md'])
    expect(await paths({ hidden: true, include: ['.env'] })).toEqual(['.env'])
    await expect(paths().then(() => folderFiles(join(base, 'none')).next())).rejects.toThrow(RagArgumentError)
    await expect(diskFile(folder, '../secret.txt')).rejects.toThrow(RagArgumentError)
    const { report } = await take([await diskFile(folder, 'out.txt'), await diskFile(folder, 'gone.txt')])
    expect(problems(report)).toEqual(['out.txt: unreadable', 'gone.txt: unreadable'])
    const { documents } = await take(folderFiles(folder))
    expect(documents.map(({ text }) => text)).toEqual(['this is a.txt', 'this is b.md', 'this is sub/c.md'])
  } finally {
    await rm(base, { recursive: true })
  }
})

test('near-duplicates are those whose shingles are nearly the same', async () => {
  const random = randomFrom(3)
  const text = zipfText(random, 5000, 400)
  const words = text.split(' ')
  const changed = (count: number) =>
    words.map((word, i) => (i % Math.floor(400 / count) === 0 ? `new${i}` : word)).join(' ')
  const jaccard = (a: string, b: string) => {
    const shingles = (of: string) => {
      const list = of.split(' ')
      return new Set(list.slice(4).map((_, i) => list.slice(i, i + 5).join(' ')))
    }
    const [x, y] = [shingles(a), shingles(b)]
    return x.intersection(y).size / x.union(y).size
  }
  const near = new NearDuplicates({ threshold: 0.8, hashes: 256 })
  expect(near.add('a', text)).toBeUndefined()
  expect(near.add('b', changed(2).toUpperCase())).toMatchObject({ of: 'a' })
  expect(near.add('c', changed(40))).toBeUndefined()
  for (const count of [1, 4, 10, 40]) {
    const [a, b] = [near.signature(text), near.signature(changed(count))]
    const estimate = a.filter((value, i) => value === b[i]).length / 256
    expect(Math.abs(estimate - jaccard(text, changed(count)))).toBeLessThan(0.12)
  }
  const { documents, report } = await take([
    fileOf('1.txt', text),
    fileOf('2.txt', `${text} end`),
    fileOf('3.txt', 'else'),
  ])
  expect(documents.map(({ id }) => id)).toEqual(['1.txt', '3.txt'])
  expect(report.duplicates).toMatchObject([{ id: '2.txt', of: '1.txt' }])
})

test('cuts at random leave every place where its text is', () => {
  const seed = 5
  const random = randomFrom(seed)
  for (let round = 0; round < 200; round++) {
    const text = Array.from({ length: 60 }, () => String.fromCharCode(97 + Math.floor(random() * 26))).join('')
    const points = Array.from({ length: 6 }, () => Math.floor(random() * 61)).sort((a, b) => a - b)
    const document: LoadedDocument = {
      id: 'x',
      source: 'x',
      format: 'html',
      text: text,
      places: [0, 15, 30, 45].map(start => ({ start, end: start + 15, file: [start + 7, start + 22] as const })),
    }
    const cuts = [points.slice(0, 2), points.slice(2, 4), points.slice(4)] as unknown as [number, number][]
    const rest = without(document, cuts)
    for (const { start, end, file } of rest.places)
      expect(rest.text.slice(start, end), `seed ${seed}, round ${round}`).toBe(text.slice(file![0] - 7, file![1] - 7))
    expect(rest.places.reduce((sum, { start, end }) => sum + end - start, 0)).toBe(rest.text.length)
  }
})
