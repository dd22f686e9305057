// The clean-up of English that BERT's decoder does: no space before punctuation and contractions.

const rules: readonly (readonly [from: string, to: string])[] = [
  [' .', '.'],
  [' ?', '?'],
  [' !', '!'],
  [' ,', ','],
  [" ' ", "'"],
  [" n't", "n't"],
  [" 'm", "'m"],
  [' do not', " don't"],
  [" 's", "'s"],
  [" 've", "'ve"],
  [" 're", "'re"],
]

export function cleanUp(text: string): string {
  for (const [from, to] of rules) text = text.replaceAll(from, to)
  return text
}
