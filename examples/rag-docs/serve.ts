// A page that answers questions from Cairn's own docs and source; the index is made in the browser.
import { servePage } from '../lib/serve-page.ts'
import { corpus } from './lib/corpus.ts'

const { address } = await servePage({
  folder: new URL('.', import.meta.url),
  packages: ['rag'],
  data: { '/corpus.json': JSON.stringify(await corpus()) },
  port: Number(process.env.PORT ?? 0),
})
console.log(`Ask Cairn at ${address} (Ctrl-C ends it).`)
