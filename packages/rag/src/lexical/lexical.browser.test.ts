// The index runs in a browser as it does in Node: stemmer, words of several scripts, segments.
import { expect, test } from 'vitest'
import { createAnalyzer } from '../analysis/analyzer.ts'
import { LexicalIndex } from './lexical-index.ts'

test('indexes, searches, saves and reads in a browser', async () => {
  const analyzer = await createAnalyzer()
  const index = new LexicalIndex({ analyzer })
  index.add({ id: 'whale', text: 'The whales were running; 日本語 and ภาษาไทย too.' })
  index.add({ id: 'ship', text: 'Ships ran aground' })
  expect(index.search('whale runs').map(hit => hit.id)).toEqual(['whale'])
  expect(index.search('日本').map(hit => hit.id)).toEqual(['whale'])
  const loaded = LexicalIndex.load(index.save(), { analyzer })
  expect(loaded.search('ship')).toEqual(index.search('ship'))
})
