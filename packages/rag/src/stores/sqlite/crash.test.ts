import { copyFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { random } from '../../dense/testing/data.ts'
import { RagError, RagFormatError } from '../../errors.ts'
import type { Damage } from '../store.ts'
import { openSqliteStore, verifySqliteFile } from './index.ts'
import { CHUNKS } from './records.ts'
import { crash } from './testing/crash.ts'
import { DIMENSIONS, operation, stateAfter } from './testing/load.ts'

const folder = mkdtempSync(join(tmpdir(), 'cairn-crash-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const seed = Date.now() % 1e6

test(
  `a writer killed at 10 random moments loses nothing that was acknowledged (seed ${seed})`,
  { timeout: 120_000 },
  () => crash(join(folder, 'crash.db'), 10, seed),
)

/** A closed file with some documents and all indexes. */
async function makeFile(path: string): Promise<void> {
  await using store = await openSqliteStore(path, { dimensions: DIMENSIONS })
  for (let n = 1; n <= 12; n++) {
    const step = operation(n)
    if ('put' in step) await store.put(step.put)
    else await store.delete(step.delete)
  }
}

describe('a byte that changes', () => {
  const path = join(folder, 'sound.db')

  test(`is found anywhere in a closed file, and its page named (seed ${seed})`, { timeout: 60_000 }, async () => {
    await makeFile(path)
    expect(await verifySqliteFile(path)).toEqual([])
    const bytes = readFileSync(path)
    const next = random(seed)
    for (let at = Math.floor(next() * 997); at < bytes.length; at += 1 + Math.floor(next() * 997)) {
      const flipped = join(folder, 'flipped.db')
      const changed = Buffer.from(bytes)
      changed[at] ^= 1 << Math.floor(next() * 8)
      writeFileSync(flipped, changed)
      const damage = await verifySqliteFile(flipped)
      expect(damage.length, `byte ${at}`).toBeGreaterThan(0)
      const page = Math.floor(at / 8192)
      if (at < 8192 * Math.floor(bytes.length / 8192)) expect(damage[0].what).toMatch(new RegExp(`^page ${page + 1},`))
      else expect(damage[0].what).toBe('the seal')
    }
  })

  test('is never taken for what was written, in a file without a seal', { timeout: 60_000 }, async () => {
    const bytes = readFileSync(path).subarray(0, 8192 * Math.floor(statSync(path).size / 8192))
    const next = random(seed + 1)
    const state = stateAfter(12)
    const expected = new Map<string, unknown>()
    {
      await using store = await openSqliteStore(path, { readOnly: true })
      for (const id of state.keys()) expected.set(id, await store.search({ text: `${id} term7`, k: 3 }))
    }
    let found = 0
    for (let at = Math.floor(next() * 997); at < bytes.length; at += 1 + Math.floor(next() * 1997)) {
      const flipped = join(folder, 'open.db')
      for (const rest of ['', '-wal', '-shm']) rmSync(flipped + rest, { force: true })
      const changed = Buffer.from(bytes)
      changed[at] ^= 1 << Math.floor(next() * 8)
      writeFileSync(flipped, changed)
      try {
        await using store = await openSqliteStore(flipped, { onDamage: () => found++ })
        for (const [id, { chunks }] of state) {
          const document = await store.get(id)
          expect(document?.chunks, `byte ${at}: ${id}`).toEqual(chunks.map(({ text, span }) => ({ text, span })))
          const [hit] = await store.search({ vector: chunks[0].vector!, k: 1 })
          expect(hit.score, `byte ${at}`).toBeCloseTo(1, 5)
          expect(await store.search({ text: `${id} term7`, k: 3 }), `byte ${at}`).toEqual(expected.get(id))
        }
      } catch (error) {
        if (!(error instanceof RagError)) throw error
        found++
      }
    }
    expect(found).toBeGreaterThan(10)
  })

  test('in the description of a table: the search that needs the table says so', async () => {
    const changed = readFileSync(path)
    const at = changed.indexOf('vector BLOB')
    expect(at).toBeGreaterThan(0)
    changed[at] ^= 1
    const copy = join(folder, 'schema.db')
    writeFileSync(copy, changed)
    await using store = await openSqliteStore(copy)
    const [{ chunks }] = stateAfter(12).values()
    await expect(store.search({ vector: chunks[0].vector! })).rejects.toThrow(RagFormatError)
  })

  test('in an index: it is made again, and said so', async () => {
    const { DatabaseSync } = await import('node:sqlite')
    const copy = join(folder, 'index.db')
    copyFileSync(path, copy)
    await (await openSqliteStore(copy)).close()
    for (const name of ['rows', 'catalogue', 'dense', 'words']) {
      const before = await (await openSqliteStore(copy)).search({ text: 'operation10', access: 'unrestricted' })
      const db = new DatabaseSync(copy)
      const row = db.prepare("SELECT name, part, bytes FROM segments WHERE name LIKE ? || '%'").get(name)!
      const changed = row.bytes as Uint8Array
      changed[changed.length >> 1] ^= 4
      db.prepare('UPDATE segments SET bytes = ? WHERE name = ? AND part = ?').run(changed, row.name, row.part)
      db.close()
      const told: string[] = []
      const store = await openSqliteStore(copy, { onDamage: ({ what }) => told.push(what) })
      expect(await store.search({ text: 'operation10', access: 'unrestricted' })).toEqual(before)
      for (const { chunks } of stateAfter(12).values())
        expect((await store.search({ vector: chunks[0].vector!, k: 1 }))[0].score).toBeCloseTo(1, 5)
      expect(told.length).toBeGreaterThan(0)
      const damage = await store.verify()
      expect(damage.length).toBe(1)
      expect(damage[0]).toMatchObject({ repaired: true })
      expect(damage[0].what).toContain(name)
      expect(await store.verify()).toEqual([])
      await store.close()
      expect(await verifySqliteFile(copy)).toEqual([])
    }
  })

  test('in a vector: named by the search that needs it first, or left out', async () => {
    const { DatabaseSync } = await import('node:sqlite')
    const [[id, { chunks }]] = stateAfter(12)
    // From a snapshot, and from the tables alone.
    for (const change of [
      'UPDATE vectors SET vector = zeroblob(32) WHERE row = ?',
      'DELETE FROM vectors WHERE row = ?',
    ])
      for (const snapshot of [true, false]) {
        const copy = join(folder, 'vector.db')
        copyFileSync(path, copy)
        await (await openSqliteStore(copy)).close()
        const db = new DatabaseSync(copy)
        if (!snapshot) db.exec('DELETE FROM segments')
        const { key } = db.prepare('SELECT key FROM versions WHERE id = ?').get(id) as { key: number }
        expect(db.prepare(change).run(key * CHUNKS).changes).toBe(1)
        db.close()
        const request = { vector: chunks[0].vector!, k: 1, access: 'unrestricted' } as const
        {
          await using store = await openSqliteStore(copy)
          for (let i = 0; i < 2; i++) {
            const error = (await store.search(request).catch((e: unknown) => e)) as RagFormatError
            expect(error, `${change} ${snapshot}`).toBeInstanceOf(RagFormatError)
            expect(error.message).toMatch(/vector/)
          }
          const [damage] = await store.verify()
          expect(damage.problem + damage.what).toMatch(/vector/)
        }
        const told: string[] = []
        const options = { damaged: 'skip', onDamage: ({ problem }: Damage) => told.push(problem) } as const
        await using store = await openSqliteStore(copy, options)
        const [hit] = await store.search(request)
        expect([hit.id, hit.chunk]).not.toEqual([id, 0])
        expect(told.join()).toMatch(/vector/)
      }
  })

  test('in a document: it is named, and the rest can still be had', async () => {
    const { DatabaseSync } = await import('node:sqlite')
    const copy = join(folder, 'document.db')
    copyFileSync(path, copy)
    const db = new DatabaseSync(copy)
    db.exec(
      `UPDATE versions SET body = replace(body, '"operation":', '"operation":1') WHERE key = (SELECT min(key) FROM versions)`,
    )
    const { id } = db.prepare('SELECT id FROM versions ORDER BY key LIMIT 1').get() as { id: string }
    db.close()
    const isNamed = (error: unknown): void => {
      expect(error).toBeInstanceOf(RagFormatError)
      expect((error as Error).message).toContain(`document "${id}"`)
    }
    {
      // What a snapshot knows is read when it is met: nothing is said of it before it was checked.
      await using store = await openSqliteStore(copy)
      const all = { k: 1000, access: 'unrestricted' } as const
      isNamed(await store.get(id, all).catch((e: unknown) => e))
      isNamed(
        await store
          .search({ text: `operation${stateAfter(12).get(id)!.metadata!.operation}`, ...all })
          .catch((e: unknown) => e),
      )
      isNamed(await store.list().catch((e: unknown) => e))
      isNamed(await store.put([{ id, chunks: [] }]).catch((e: unknown) => e))
      expect((await store.verify()).map(damage => damage.what).join()).toContain(`document "${id}"`)
    }
    const bare = join(folder, 'bare.db')
    copyFileSync(copy, bare)
    const rows = new DatabaseSync(bare)
    rows.exec("DELETE FROM segments WHERE name = 'catalogue'")
    rows.close()
    isNamed(await openSqliteStore(bare).catch((e: unknown) => e))
    await using store = await openSqliteStore(copy, { damaged: 'skip' })
    expect((await store.statistics()).documents).toBe(stateAfter(12).size - 1)
    expect((await store.verify()).map(damage => damage.what).join()).toContain(`document "${id}"`)
  })
})

describe('a byte that changes in a file that was not closed', () => {
  const path = join(folder, 'killed.db')
  const flipped = join(folder, 'killed-flipped.db')
  const next = random(seed + 2)
  const flip = (bytes: Buffer, at: number): Buffer => {
    const changed = Buffer.from(bytes)
    changed[at] ^= 1 << Math.floor(next() * 8)
    return changed
  }
  /** The store's file and its log as a killed process leaves them. */
  async function killed(): Promise<{ main: Buffer; log: Buffer }> {
    for (const rest of ['', '-wal', '-shm']) rmSync(path + rest, { force: true })
    await makeFile(path)
    await using store = await openSqliteStore(path)
    for (let n = 13; n <= 24; n++) {
      const step = operation(n)
      if ('put' in step) await store.put(step.put)
      else await store.delete(step.delete)
    }
    return { main: readFileSync(path), log: readFileSync(`${path}-wal`) }
  }
  const write = (main: Buffer, log?: Buffer): void => {
    for (const rest of ['', '-wal', '-shm']) rmSync(flipped + rest, { force: true })
    writeFileSync(flipped, main)
    if (log) writeFileSync(`${flipped}-wal`, log)
  }

  test(`in the log: the frame is named, nothing is lost without a word (seed ${seed})`, {
    timeout: 60_000,
  }, async () => {
    const { main, log } = await killed()
    write(main, log)
    expect(await verifySqliteFile(flipped)).toEqual([])
    const frame = 24 + 8192
    const frames = Math.floor((log.length - 32) / frame)
    expect(frames).toBeGreaterThan(20)
    let refused = 0
    for (let at = 0; at < log.length - 1; at += at < 32 ? 7 : Math.floor((1 + next()) * (log.length / 40))) {
      write(main, flip(log, at))
      const damage = await verifySqliteFile(flipped)
      const number = Math.floor((at - 32) / frame) + 1
      expect(damage[0]?.what, `byte ${at}`).toContain(at < 32 ? 'the log, its header' : `the log, frame ${number},`)
      write(main, flip(log, at))
      const error = await openSqliteStore(flipped).then(store => store.close(), (e: unknown) => e) // biome-ignore format: a line
      if (!error) continue
      expect(error).toBeInstanceOf(RagFormatError)
      expect((error as Error).message).toContain('the log')
      refused++
    }
    expect(refused).toBeGreaterThan(10)
    // What a crash cut off is no damage.
    for (const end of [log.length - 1, log.length - 5000, 32 + frame, 40, 3]) {
      write(main, log.subarray(0, end))
      expect(await verifySqliteFile(flipped), `${end}`).toEqual([])
    }
  })

  test(`in every kind of page: named, or nothing is kept there (seed ${seed})`, { timeout: 60_000 }, async () => {
    const { DatabaseSync } = await import('node:sqlite')
    const left = await killed()
    const whole = join(folder, 'whole.db')
    writeFileSync(whole, left.main)
    writeFileSync(`${whole}-wal`, left.log)
    const db = new DatabaseSync(whole)
    db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    const pages = db.prepare('SELECT name, pagetype, pageno, unused FROM dbstat').all() as { name: string; pagetype: string; pageno: number; unused: number }[] // biome-ignore format: a type
    db.close()
    const main = readFileSync(whole)
    write(main)
    expect(await verifySqliteFile(flipped)).toEqual([])
    const kinds = Map.groupBy(pages, ({ name, pagetype }) => `${name} ${pagetype}`)
    for (const name of ['versions', 'chunks', 'vectors', 'segments', 'removed', 'settings'])
      expect([...kinds.keys()].join(), name).toContain(name)
    for (const [kind, list] of kinds) {
      if (kind.startsWith('sqlite_')) continue
      let named = 0
      for (let i = 0; i < 8; i++) {
        const { pageno, unused } = list[Math.floor(next() * list.length)]
        const at = (pageno - 1) * 8192 + Math.floor(next() * 8192)
        write(flip(main, at))
        const damage = await verifySqliteFile(flipped)
        if (damage.length) named++
        // Where SQLite keeps nothing it has zeros (what was deleted is overwritten), and only a seal would know.
        else expect(main[at] === 0 && unused > 0 ? 0 : main[at], `${kind}, page ${pageno}, byte ${at}`).toBe(0)
      }
      const full = list.every(({ unused }) => unused < 1024)
      if (full) expect(named, kind).toBeGreaterThan(3)
    }
  })
})

test('what is no store is refused by name', async () => {
  const { DatabaseSync } = await import('node:sqlite')
  const text = join(folder, 'text.db')
  writeFileSync(text, 'not a database, but long enough to look like one to somebody who does not check'.repeat(20))
  await expect(openSqliteStore(text)).rejects.toThrow(RagFormatError)
  const other = join(folder, 'other.db')
  const db = new DatabaseSync(other)
  db.exec('CREATE TABLE mine (x)')
  db.close()
  await expect(openSqliteStore(other)).rejects.toThrow(/not made by this store/)
  const three = join(folder, 'three.db')
  await (await openSqliteStore(three, { dimensions: 3 })).close()
  await expect(openSqliteStore(three, { dimensions: 4 })).rejects.toThrow(/dimensions is 4/)
  await expect(openSqliteStore(three, { analyzer: { language: 'german' } })).rejects.toThrow(/analyzer/)
})

// One in how many documents has principals, times, chunks that say something of themselves.
test.each([
  ['few', 9],
  ['half', 2],
  ['all', 1],
])(
  `a store that knows its versions by the catalogue equals one that has read them all, %s of them with principals and times (seed ${seed})`,
  async (_, one) => {
    const { DatabaseSync } = await import('node:sqlite')
    const paths = [join(folder, 'catalogue.db'), join(folder, 'read.db')]
    const next = random(seed + 3)
    const upTo = (n: number): number => Math.floor(next() * n)
    const vector = (): number[] => Array.from({ length: DIMENSIONS }, () => next() - 0.5)
    const make = () => ({
      id: `d${upTo(60)}`,
      title: `title ${upTo(9)}`,
      metadata: { group: upTo(5) },
      ...(upTo(9) === 0 && { version: upTo(3) }),
      ...(upTo(one) === 0 && { principals: [[], ['anna'], ['bert'], ['bert', 'anna']][upTo(4)] }),
      ...(upTo(one) === 0 && { validFrom: upTo(100) }),
      ...(upTo(one) === 0 && { validUntil: 100 + upTo(100) }),
      chunks: Array.from({ length: upTo(4) }, (_, i) => ({
        text: `word${upTo(20)} word${upTo(20)}`,
        span: [0, 1] as const,
        ...(upTo(9) && { vector: vector() }),
        ...(upTo(one) === 0 && { metadata: { part: i } }),
      })),
    })
    {
      for (const path of paths) rmSync(path, { force: true })
      await using store = await openSqliteStore(paths[0]!, { dimensions: DIMENSIONS })
      for (let i = 0; i < 80; i++) await store.put([make()])
    }
    for (let round = 0; round < 12; round++) {
      copyFileSync(paths[0]!, paths[1]!)
      const db = new DatabaseSync(paths[1]!)
      expect(db.prepare("DELETE FROM segments WHERE name = 'catalogue'").run().changes).toBe(1)
      db.close()
      // Readers that stay open follow what others write.
      await using stores = new AsyncDisposableStack()
      const [first, two, reader] = [
        stores.use(await openSqliteStore(paths[0]!)),
        stores.use(await openSqliteStore(paths[1]!)),
        stores.use(await openSqliteStore(paths[0]!, { readOnly: true })),
      ]
      for (let step = 0; step < 12; step++) {
        const where = `seed ${seed}, round ${round}, step ${step}`
        const kind = upTo(7)
        const id = `d${upTo(60)}`
        const scope = {
          access: ([['anna'], [], 'unrestricted'] as const)[upTo(3)],
          at: upTo(200),
          versions: (['newest', 'valid', 'all'] as const)[upTo(3)],
          ...(upTo(3) === 0 && { filter: { field: upTo(2) ? 'group' : 'part', lt: upTo(6) } }),
        }
        const { filter: __, ...reading } = { filter: undefined, ...scope }
        const wanted = { vector: vector(), text: `word${upTo(20)}` }
        const document = make()
        const act = (store: typeof first): Promise<unknown> => {
          if (kind === 0) return store.put([document])
          if (kind === 1) return store.delete([id])
          if (kind === 2) return store.get(id, reading)
          if (kind === 3)
            return store.list().then(heads => heads.sort((a, b) => (a.id + a.version < b.id + b.version ? -1 : 1)))
          if (kind === 4) return store.statistics()
          return store.search({ ...(kind === 5 ? { text: wanted.text } : { vector: wanted.vector }), k: 500, ...scope })
        }
        const expected = await act(two)
        expect(await act(first), where).toEqual(expected)
        if (kind > 1) expect(await act(reader), where).toEqual(expected)
      }
    }
  },
)

test('principals, times and places in a file are no reason to read a document before it is met', async () => {
  const { DatabaseSync } = await import('node:sqlite')
  const path = join(folder, 'owned.db')
  {
    await using store = await openSqliteStore(path)
    const document = (id: string, principals: string[], validFrom: number) =>
      ({ id, principals, validFrom, validUntil: 100, chunks: [{ text: 'whale', span: [0, 5] as const, metadata: { line: 1 } }] }) // biome-ignore format: a line
    await store.put([document('a', ['anna'], 0), document('b', ['bert'], 0), document('c', ['anna'], 50)])
  }
  const db = new DatabaseSync(path)
  db.exec("UPDATE versions SET body = '{}' WHERE id IN ('b', 'c')")
  db.close()
  await using store = await openSqliteStore(path)
  expect(await store.statistics()).toEqual({ documents: 3, versions: 3, chunks: 3 })
  const found = async (access: string[], at: number) =>
    (await store.search({ text: 'whale', access, at })).map(({ id }) => id)
  expect(await found([], 10)).toEqual([])
  expect(await found(['anna'], 10)).toEqual(['a'])
  expect(await found(['anna', 'bert'], 100)).toEqual([])
  await expect(found(['anna'], 50)).rejects.toThrow('document "c"')
  await expect(found(['bert'], 10)).rejects.toThrow('document "b"')
})
