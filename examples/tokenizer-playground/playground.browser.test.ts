// The playground in a browser: what is written, pointed at and dropped, and what the page then looks like.
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { page, userEvent } from 'vitest/browser'
import { COLOURS, mount } from './lib/page.ts'

const tokenizerJson = {
  model: {
    type: 'BPE',
    vocab: { l: 0, o: 1, w: 2, lo: 3, low: 4 },
    merges: [
      ['l', 'o'],
      ['lo', 'w'],
    ],
  },
}

beforeEach(() => mount(document.body))
afterEach(() => document.body.replaceChildren())

const drop = (name: string, text: string) => {
  const data = new DataTransfer()
  data.items.add(new File([text], name, { type: 'application/json' }))
  document.querySelector('.playground')!.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true }))
}
const tokens = () => [...document.querySelectorAll<HTMLElement>('.token')]

test('the sample is shown whole, in tokens, and one that is pointed at tells its place', async () => {
  const text = document.querySelector('textarea')!.value
  expect(document.querySelector('.tokens')!.textContent).toBe(text)
  expect(tokens().length).toBeGreaterThan(10)
  await userEvent.hover(tokens()[2]!)
  await vi.waitFor(() => expect(document.querySelector('.detail')!.textContent).toBe(tokens()[2]!.title))
  expect(tokens()[2]!.title).toMatch(/^"[^"]+" id \d+, offsets \d+ to \d+/)
})

test('a tokenizer.json that is dropped is used, and a wrong one is refused by name', async () => {
  drop('tiny.json', JSON.stringify(tokenizerJson))
  await vi.waitFor(() => expect(document.querySelector('.count')!.textContent).toContain('tiny.json, 5 ids'))
  await userEvent.fill(page.getByLabelText('Text'), 'lowlo')
  expect(tokens().map(({ textContent }) => textContent)).toEqual(['low', 'lo'])
  expect(tokens().map(({ title }) => title)).toEqual(['"low" id 4, offsets 0 to 3', '"lo" id 3, offsets 3 to 5'])
  drop('wrong.json', '{"model":{"type":"BPE","vocab":{"a":-1},"merges":[]}}')
  await vi.waitFor(() => expect(document.querySelector('.error')!.textContent).toMatch(/^wrong\.json: .*vocab/))
  expect(document.querySelector('.count')!.textContent).toContain('tiny.json')
})

test('on a screenshot every colour is there, in the order of the tokens', async () => {
  drop('tiny.json', JSON.stringify(tokenizerJson))
  await vi.waitFor(() => expect(document.querySelector('.count')!.textContent).toContain('tiny.json'))
  await userEvent.fill(page.getByLabelText('Text'), 'low'.repeat(COLOURS.length))
  await userEvent.unhover(document.querySelector('.tokens')!)
  const picture = await page.screenshot({ element: document.querySelector('.tokens')!, save: false, base64: true })
  const encoded = typeof picture === 'string' ? picture : (picture as { base64: string }).base64
  const image = await createImageBitmap(await (await fetch(`data:image/png;base64,${encoded}`)).blob())
  const canvas = new OffscreenCanvas(image.width, image.height)
  const context = canvas.getContext('2d')!
  context.drawImage(image, 0, 0)
  // The first line of pixels that has them, from left to right, each colour once.
  const { data } = context.getImageData(0, 0, image.width, image.height)
  const seen: string[] = []
  for (let y = 0; y < image.height && seen.length < COLOURS.length; y++) {
    seen.length = 0
    for (let x = 0; x < image.width; x++) {
      const at = 4 * (y * image.width + x)
      const colour = `#${[...data.subarray(at, at + 3)].map(value => value.toString(16).padStart(2, '0')).join('')}`
      if (COLOURS.includes(colour) && seen.at(-1) !== colour) seen.push(colour)
    }
  }
  expect(seen).toEqual(COLOURS)
})
