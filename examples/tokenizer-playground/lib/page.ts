// The page itself: a text field, the text below it cut into coloured tokens, and a place to drop a tokenizer.json.
import { type Encoding, Tokenizer } from '@cairn/tokenizers'

const STYLE = `
  .playground { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1b1b1b; }
  .playground textarea { box-sizing: border-box; width: 100%; height: 8rem; font: inherit; padding: 0.5rem; }
  .playground .tokens { white-space: pre-wrap; overflow-wrap: anywhere; min-height: 3rem; margin: 1rem 0; }
  .playground .token { border-radius: 3px; }
  .playground .token:hover { outline: 2px solid #1b1b1b; }
  .playground .drop { border: 2px dashed #999; border-radius: 6px; padding: 0.5rem 1rem; display: block; }
  .playground .over .drop { border-color: #1b1b1b; }
  .playground .error { color: #a00000; }
`

/** Backgrounds, one after the other; dark text is readable on each. */
export const COLOURS: readonly string[] = ['#cfe8ff', '#ffe3b3', '#d5f2c8', '#f6d0ea', '#e3dcff']

const SAMPLE =
  'Call me Ishmael. Some years ago – never mind how long precisely – I thought I would sail about a little. 🐳'

export type Playground = {
  /** Encodes by another tokenizer from now on. */
  use(tokenizer: Tokenizer, name: string): void
}

/** Builds the page below `root`. It starts with a tokenizer trained on the sample while the page loads. */
export async function mount(root: HTMLElement): Promise<Playground> {
  const page = document.createElement('main')
  page.className = 'playground'
  page.innerHTML = `
    <style>${STYLE}</style>
    <h1>Tokenizer playground</h1>
    <textarea aria-label="Text" spellcheck="false"></textarea>
    <p class="count" role="status"></p>
    <div class="tokens"></div>
    <p class="detail">Point at a token to see its id and offsets.</p>
    <label class="drop">Drop a tokenizer.json here, or choose one: <input type="file" accept=".json,application/json" /></label>
    <p class="error" role="alert"></p>`
  const part = <T extends HTMLElement>(selector: string) => page.querySelector(selector) as T
  const input = part<HTMLTextAreaElement>('textarea')
  const tokens = part('.tokens')
  const detail = part('.detail')
  const hint = detail.textContent
  input.value = SAMPLE
  let current = { tokenizer: await Tokenizer.train(SAMPLE, { vocabSize: 320 }), name: 'trained on the first text' }

  const show = () => {
    const { tokenizer, name } = current
    const encoding = tokenizer.encode(input.value, { addSpecialTokens: false })
    tokens.replaceChildren(...spans(encoding, input.value))
    const { length } = input.value
    part('.count').textContent = `${encoding.length} tokens, ${length} characters; ${name}, ${tokenizer.vocabSize} ids`
    detail.textContent = hint
  }

  const open = async (file: File | undefined) => {
    if (!file) return
    part('.error').textContent = ''
    try {
      current = { tokenizer: Tokenizer.fromJSON(JSON.parse(await file.text())), name: file.name }
      show()
    } catch (error) {
      part('.error').textContent = `${file.name}: ${error instanceof Error ? error.message : error}`
    }
  }

  input.addEventListener('input', show)
  tokens.addEventListener('pointerover', event => {
    const { title } = event.target as HTMLElement
    if (title) detail.textContent = title
  })
  const chooser = part<HTMLInputElement>('input[type=file]')
  chooser.addEventListener('change', () => open(chooser.files?.[0]))
  page.addEventListener('dragover', event => {
    event.preventDefault()
    page.classList.add('over')
  })
  page.addEventListener('dragleave', () => page.classList.remove('over'))
  page.addEventListener('drop', event => {
    event.preventDefault()
    page.classList.remove('over')
    open(event.dataTransfer?.files[0])
  })
  root.append(page)
  show()
  return {
    use(tokenizer, name) {
      current = { tokenizer, name }
      show()
    },
  }
}

/**
 * The text in spans, one for each stretch that tokens cover. Tokens that share characters (the bytes of an emoji, say) are
 * one span; text that no token covers stands between without a colour.
 */
function spans({ ids, tokens, offsets }: Encoding, text: string): Node[] {
  const out: Node[] = []
  let done = 0
  for (let i = 0, colour = 0; i < ids.length; colour++) {
    const [start] = offsets[i]!
    let [, end] = offsets[i]!
    const titles: string[] = []
    do {
      titles.push(`${JSON.stringify(tokens[i])} id ${ids[i]}, offsets ${offsets[i]!.join(' to ')}`)
      end = Math.max(end, offsets[i]![1])
      i++
    } while (i < ids.length && offsets[i]![0] < end)
    if (start > done) out.push(document.createTextNode(text.slice(done, start)))
    const span = document.createElement('span')
    span.className = 'token'
    span.style.background = COLOURS[colour % COLOURS.length]!
    span.title = titles.join('\n')
    span.textContent = text.slice(Math.max(start, done), end)
    out.push(span)
    done = Math.max(done, end)
  }
  out.push(document.createTextNode(text.slice(done)))
  return out
}
