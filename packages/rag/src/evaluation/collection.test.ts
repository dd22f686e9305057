import { describe, expect, test } from 'vitest'
import { RagFormatError } from '../errors.ts'
import { alignJudgements, readDocuments, readJudgements, readQueries } from './collection.ts'

describe('documents', () => {
  test('TREC, with entities, attributes, and elements that are no text', () => {
    const text = `<DOC>\n<DOCNO> A-1 </DOCNO>\n<TITLE>Wings &amp; lift</TITLE><AUTHOR>x,y</AUTHOR>\n<TEXT>\nFlow <b>past</b> a\nwing &lt; 2.\n</TEXT></DOC>
<doc id="2"><docno>2</docno><text>a</text><text>b</text></doc>`
    expect(readDocuments(text)).toEqual([
      { id: 'A-1', title: 'Wings & lift', text: 'Flow past a wing < 2.' },
      { id: '2', title: '', text: 'a b' },
    ])
  })
  test('TREC as people leave it: roots, missing ends, ids as attributes, text without an element', () => {
    const text =
      '<?xml version="1.0"?>\n<root>\n<doc>\n<docno>\n1\n</docno>\n<title>\nt one .\n</title>\n<author>\na\n</author>\n<text>\none .\n</text>\n</doc>\n<doc><docno>2</docno><title>t two</title><text>two\n<doc>\n<docno>3</docno><text></text>\n</doc></root>'
    expect(readDocuments(text)).toEqual([
      { id: '1', title: 't one .', text: 'one .' },
      { id: '2', title: 't two', text: 'two' },
      { id: '3', title: '', text: '' },
    ])
    expect(readDocuments('<document id="7"><headline>h</headline><body>b</body></document>')).toEqual([
      { id: '7', title: 'h', text: 'b' },
    ])
    expect(readDocuments('<DOC>\n<DOCNO>9</DOCNO>\nplain words\n</DOC>')).toEqual([{ id: '9', title: '', text: 'plain words' }]) // biome-ignore format: a table
  })
  test('SMART', () => {
    expect(readDocuments('.I 1\n.T\nslipstream\nstudy .\n.A\nbrenckman\n.W\nan\nexperiment\n.I 2\n.W\nx\n')).toEqual([
      { id: '1', title: 'slipstream study .', text: 'an experiment' },
      { id: '2', title: '', text: 'x' },
    ])
  })
  test('BEIR', () => {
    expect(readDocuments('{"_id": "a", "title": "t", "text": "x"}\n\n{"_id": "b", "text": "y"}')).toEqual([
      { id: 'a', title: 't', text: 'x' },
      { id: 'b', title: '', text: 'y' },
    ])
  })
  test('mistakes are named', () => {
    expect(() => readDocuments('{"_id": "a"}\n{oops')).toThrow('documents: line 2: it is not JSON')
    expect(() => readDocuments('<DOC><TEXT>x</TEXT></DOC>')).toThrow('TREC documents: document 1: it has no DOCNO')
    expect(() => readDocuments('<html></html>')).toThrow(/there are none/)
    expect(() => readDocuments('{"_id":"a"}\n{"_id":"a"}')).toThrow('item 2: the id a occurs twice')
    expect(() => readDocuments('')).toThrow(RagFormatError)
  })
})

describe('queries', () => {
  test('TREC topics, closed and open', () => {
    expect(readQueries('<xml><top><num> 1</num><title>\nwhat laws .</title></top></xml>')).toEqual([
      { id: '1', text: 'what laws .' },
    ])
    const open =
      '<top>\n<num> Number: 301\n<title> Crime\n<desc> Description:\nOrganized crime?\n</top>\n<top><num> Number: 302 <title> \n<desc> Description: Polio\n</top>'
    expect(readQueries(open)).toEqual([{ id: '301', text: 'Crime' }, { id: '302', text: 'Polio' }]) // biome-ignore format: a table
    expect(readQueries('<topics><topic number="7"><query>x</query></topic></topics>')).toEqual([{ id: '7', text: 'x' }])
    const unclosed = '<xml>\n<top>\n<num> 1</num><title>\nwhat laws .\n</title>\n\n<top>\n<num>2<title>\nwhy .\n'
    expect(readQueries(unclosed)).toEqual([{ id: '1', text: 'what laws .' }, { id: '2', text: 'why .' }]) // biome-ignore format: a table
    expect(readQueries('<queries><query id="4">how so</query><query id=5>who</query></queries>')).toEqual([{ id: '4', text: 'how so' }, { id: '5', text: 'who' }]) // biome-ignore format: a table
  })
  test('SMART, BEIR and TSV', () => {
    expect(readQueries('.I 001\n.W\nwhat\n.I 002\n.W\nwhy\n')).toEqual([{ id: '001', text: 'what' }, { id: '002', text: 'why' }]) // biome-ignore format: a table
    expect(readQueries('{"_id": "q", "text": "x"}')).toEqual([{ id: 'q', text: 'x' }])
    expect(readQueries('{"_id": "q", "text": "x", "answer": "y"}')).toEqual([{ id: 'q', text: 'x', answer: 'y' }])
    expect(readQueries('{"_id": "q", "text": "x", "answer": ["y", "z"]}')).toEqual([
      { id: 'q', text: 'x', answer: 'y' },
    ])
    expect(readQueries('q1\thow now\nq2\twhy\n')).toEqual([{ id: 'q1', text: 'how now' }, { id: 'q2', text: 'why' }]) // biome-ignore format: a table
  })
})

describe('judgements', () => {
  test('in four columns, three, with names, as JSON', () => {
    const expected = new Map([['1', new Map([['184', 2]])]])
    for (const text of [
      '1 0 184 2\n',
      '1 184 2',
      'query-id\tcorpus-id\tscore\n1\t184\t2',
      '{"query-id": "1", "corpus-id": "184", "score": 2}',
    ])
      expect(readJudgements(text), text).toEqual(expected)
    expect(readJudgements('qid 0 docid rel\r\n1 0 184 2 \r\n1\t0\t7\t-1\r\n1 0 7 -1\n')).toEqual(new Map([['1', new Map([['184', 2], ['7', -1]])]])) // biome-ignore format: a table
    // Rows of CACM and CISI.
    expect(readJudgements(' 1   28\t0\t0.000000\n 1   35\t0\t0.000000\n')).toEqual(new Map([['1', new Map([['28', 1], ['35', 1]])]])) // biome-ignore format: a table
    expect(() => readJudgements('1 184')).toThrow('judgements: line 1: it has 2 columns')
    expect(() => readJudgements('1 0 184 x')).toThrow('line 1: the grade is no number')
  })
  test('by number, with zeros in front, or by position', () => {
    const queries = [{ id: '001', text: '' }, { id: '004', text: '' }] // biome-ignore format: a table
    const grades = new Map([['x', 1]])
    expect(alignJudgements(queries, new Map([['1', grades], ['4', grades]]))).toEqual({ qrels: new Map([['001', grades], ['004', grades]]), byPosition: false }) // biome-ignore format: a table
    // Cranfield's queries are numbered with gaps, its judgements 1 to 225.
    const numbered = Array.from({ length: 225 }, (_, i) => ({ id: String(i < 100 ? i + 1 : i + 60).padStart(3, '0'), text: '' })) // biome-ignore format: a table
    const judged = new Map(numbered.map((_, i) => [String(i + 1), grades]))
    const aligned = alignJudgements(numbered, judged)
    expect(aligned.byPosition).toBe(true)
    expect([...aligned.qrels.keys()]).toEqual(numbered.map(({ id }) => id))
    // A judged query that is not among the others is no reason to count.
    expect(alignJudgements(numbered.slice(0, 50).filter((_, i) => i !== 30), new Map([...judged].slice(0, 49))).byPosition).toBe(false) // biome-ignore format: a table
    expect(alignJudgements(queries, new Map([['1', grades], ['2', grades]]))).toEqual({ qrels: new Map([['001', grades], ['004', grades]]), byPosition: true }) // biome-ignore format: a table
  })
})
