// docs/onnx.md: which ONNX ops run, made of the table. `node conformance/onnx/document.ts` writes it; a test holds the committed one to the table.
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { elements } from './elements.ts'
import { families, unsupported } from './table.ts'

export const documentPath = fileURLToPath(new URL('../../docs/onnx.md', import.meta.url))

const list = (names: readonly string[]): string => [...names].sort().join(', ')

export function onnxDocument(): string {
  const reasons = new Map<string, string[]>()
  for (const [op, why] of Object.entries(unsupported)) reasons.set(why, [...(reasons.get(why) ?? []), op])
  const carried = Object.values(elements).map(({ name, on }) => `| ${name} | ${on.cpu ?? '-'} | ${on.gpu ?? '-'} |`)
  return `# ONNX ops

<!-- Made by \`pnpm docs:onnx\` of conformance/onnx/table.ts; do not edit. -->

\`pnpm conformance onnx [folder]\` runs [ONNX's operator cases](https://github.com/onnx/onnx/tree/main/onnx/backend/test/case/node), or any folder of models with
\`test_data_set_*\`, through a table of functions over the public API: the seed of an importer. An op takes every attribute of its version or says which one it
does not understand. Sizes that depend on values (of \`NonZero\`, \`Unique\`, a \`Reshape\` by a computed shape) are read while the graph is built.

## Ops

| family | ops |
| --- | --- |
${Object.entries(families)
  .map(([family, ops]) => `| [${family}](../conformance/onnx/ops/${family}.ts) | ${list(Object.keys(ops))} |`)
  .join('\n')}

## Not supported

| ops | why |
| --- | --- |
${[...reasons].map(([why, ops]) => `| ${list(ops)} | ${why} |`).join('\n')}

Also: \`clip\` and activations other than Sigmoid, Tanh and Relu in recurrent ops; \`pool_strings\` in TfIdfVectorizer.

## Element types

What has no dtype here is carried by a wider one, which is exact for values that fit. Draws are held to their distribution, not to the numbers of another
generator.

| ONNX | CPU | WebGPU |
| --- | --- | --- |
${carried.join('\n')}
`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(documentPath, onnxDocument())
