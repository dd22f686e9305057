// A page that shows any text as tokens, coloured, with their offsets; drop a tokenizer.json on it.
import { servePage } from '../lib/serve-page.ts'

const { address } = await servePage({
  folder: new URL('.', import.meta.url),
  packages: ['tokenizers'],
  port: Number(process.env.PORT ?? 0),
})
console.log(`The playground is at ${address} (Ctrl-C ends it).`)
