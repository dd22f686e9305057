// The page in a browser: files are indexed there, a question is answered, and a citation opens its file at the line.
import { afterEach, expect, test, vi } from 'vitest'
import { page, userEvent } from 'vitest/browser'
import { mount } from './lib/page.ts'

const files = [
  {
    path: 'docs/whales.md',
    text: '# Whales\n\nAn introduction.\n\n## Weight\n\nThe blue whale weighs 150 tonnes.\n<img src=x onerror="window.hacked = true">\n',
  },
  {
    path: 'src/ship.ts',
    text: '// A ship.\n\n/** Sails to a port. */\nexport function sail(port: string) {\n  return port\n}\n',
  },
]

afterEach(() => document.body.replaceChildren())

const ask = async (question: string) => {
  await userEvent.fill(page.getByLabelText('Question'), question)
  await userEvent.click(page.getByRole('button', { name: 'Ask' }))
}
const text = (selector: string) => document.querySelector(selector)!.textContent

test('asks, cites, opens the file at the line', async () => {
  await mount(document.body, files)
  expect(text('.status')).toMatch(/^2 files, \d+ passages/)
  await ask('How much does the blue whale weigh?')
  await vi.waitFor(() => expect(text('.answer')).toContain('The blue whale weighs 150 tonnes.'))
  const link = document.querySelector<HTMLAnchorElement>('.citations a')!
  expect(link.textContent).toBe('docs/whales.md:7')
  await userEvent.click(link)
  expect(text('.file .cited')).toBe('The blue whale weighs 150 tonnes.')
  expect(text('.name')).toBe('docs/whales.md:7')
  expect((window as { hacked?: boolean }).hacked).toBeUndefined()

  await ask('Who painted the Mona Lisa?')
  await vi.waitFor(() => expect(text('.answer')).toBe('No answer: nothing found.'))
  expect(document.querySelectorAll('.citations a')).toHaveLength(0)

  await userEvent.selectOptions(page.getByLabelText('Where'), 'code')
  await ask('What sails to a port?')
  await vi.waitFor(() => expect(text('.citations a')).toMatch(/^src\/ship\.ts:\d$/))
})
