// The page: the index is made here, a question is answered in the files' own words, and a citation opens the file at its line.
import { askFiles, citationsOf, indexFiles, type SourceFile } from './docs.ts'

const STYLE = `
  .rag { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1b1b1b; }
  .rag form { display: flex; gap: 0.5rem; }
  .rag input[type=text] { flex: 1; font: inherit; padding: 0.4rem; }
  .rag .answer { white-space: pre-wrap; }
  .rag .file { max-height: 24rem; overflow: auto; background: #f6f6f6; padding: 0.5rem; font: 13px/1.4 ui-monospace, monospace; }
  .rag .file div { white-space: pre-wrap; }
  .rag .file .cited { background: #ffe3b3; }
`

/** Builds the page below `root` and indexes the files. */
export async function mount(root: HTMLElement, files: readonly SourceFile[]): Promise<void> {
  const page = document.createElement('main')
  page.className = 'rag'
  page.innerHTML = `
    <style>${STYLE}</style>
    <h1>Ask Cairn</h1>
    <form>
      <input type="text" aria-label="Question" required />
      <select aria-label="Where"><option value="">docs and code</option><option value="markdown">docs</option><option value="code">code</option></select>
      <button disabled>Ask</button>
    </form>
    <p class="status" role="status"></p>
    <div class="answer" aria-live="polite"></div>
    <ol class="citations"></ol>
    <h2 class="name" hidden></h2>
    <div class="file" hidden></div>`
  root.append(page)
  const part = <T extends HTMLElement>(selector: string) => page.querySelector(selector) as T
  const texts = new Map(files.map(({ path, text }) => [path, text]))

  const open = (path: string, line: number): void => {
    const rows = (texts.get(path) ?? '').split('\n').map((text, i) => {
      const row = document.createElement('div')
      row.textContent = text || ' '
      if (i + 1 === line) row.className = 'cited'
      return row
    })
    part('.name').textContent = `${path}:${line}`
    part('.name').hidden = part('.file').hidden = false
    part('.file').replaceChildren(...rows)
    rows[line - 1]?.scrollIntoView({ block: 'center' })
  }

  part('.status').textContent = 'Indexing ...'
  const started = performance.now()
  const store = await indexFiles(files)
  const { chunks } = await store.statistics()
  part('.status').textContent =
    `${files.length} files, ${chunks} passages, ${((performance.now() - started) / 1000).toFixed(1)} s`
  part<HTMLButtonElement>('button').disabled = false

  part('form').addEventListener('submit', async event => {
    event.preventDefault()
    const question = part<HTMLInputElement>('input').value
    const format = part<HTMLSelectElement>('select').value as '' | 'markdown' | 'code'
    const answer = await askFiles(store, question, format ? { format } : {})
    // What documents say is text here, never markup.
    part('.answer').textContent = answer.abstained ? `No answer: ${answer.abstained}.` : answer.text
    const items = citationsOf(answer).map(({ number, path, line }) => {
      const item = document.createElement('li')
      item.value = number
      const link = document.createElement('a')
      link.href = `#${path}:${line}`
      link.textContent = `${path}:${line}`
      link.addEventListener('click', () => open(path, line))
      item.append(link)
      return item
    })
    part('.citations').replaceChildren(...items)
  })
}
