import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crossEntropy } from '@cairn/nn'
import { AdamW } from '@cairn/optim'
import { manualSeed, noGrad, type Tensor, tensor } from '@cairn/tensor'
import { saveSafetensors } from '@cairn/tensor/interop'
import { expect } from 'vitest'
import { onEachDevice } from '../../tensor/src/testing/devices.ts'
import { type CausalLM, GPT2, type GPT2Config, Llama, type LlamaConfig, loadCausalLM } from './index.ts'

const gpt2: GPT2Config = { vocabSize: 11, contextLength: 12, width: 8, layers: 2, heads: 2, eosTokenIds: [10] }
const llama: LlamaConfig = {
  vocabSize: 11,
  contextLength: 12,
  width: 8,
  innerWidth: 12,
  layers: 2,
  heads: 4,
  kvHeads: 2,
  bosTokenId: 1,
  eosTokenIds: [2, 3],
}
const models: [name: string, make: () => GPT2 | Llama][] = [
  ['GPT-2', () => new GPT2(gpt2)],
  ['GPT-2 without biases, untied', () => new GPT2({ ...gpt2, bias: false, tied: false, activation: 'gelu' })],
  ['Llama', () => new Llama(llama)],
  [
    'Llama, tied, with biases',
    () => new Llama({ ...llama, tied: true, attentionBias: true, mlpBias: true, headWidth: 4 }),
  ],
]
const ids = (rows: number[][]): Tensor => tensor(rows, { dtype: 'i32' })
const text = [[1, 5, 3, 9, 0, 7, 2]]

async function expectNear(a: Tensor, b: Tensor, tolerance = 1e-5): Promise<void> {
  const [x, y] = [await a.numbers(), await b.numbers()]
  expect(x.length).toBe(y.length)
  const worst = Math.max(...x.map((v, i) => Math.abs(v - y[i])))
  expect(worst).toBeLessThanOrEqual(tolerance)
}

for (const [name, make] of models)
  onEachDevice(`${name}: reading from the cache is reading at once`, async () => {
    const model: CausalLM = make().eval()
    const whole = model.forward(ids(text))
    expect(whole.shape).toEqual([1, 7, 11])
    for (const pieces of [[7], [4, 1, 1, 1], [1, 6]]) {
      using cache = model.createCache(1, 9)
      let at = 0
      for (const length of pieces) {
        const part = noGrad(() => model.forward(ids([text[0].slice(at, at + length)]), { cache }))
        await expectNear(part, whole.narrow(1, at, length))
        at += length
      }
      expect(cache.length).toBe(7)
      expect(() => model.forward(ids([[1, 2, 3]]), { cache })).toThrow('KVCache: is full')
    }
  })

for (const [name, make] of models)
  onEachDevice(`${name}: later ids do not reach earlier positions, and texts of a batch not each other`, async () => {
    const model = make().eval()
    const one = model.forward(ids(text))
    const other = model.forward(
      ids([
        [...text[0].slice(0, 4), 8, 8, 8],
        [9, 9, 9, 9, 9, 9, 9],
      ]),
    )
    await expectNear(one.narrow(1, 0, 4), other.slice([0, 1], [0, 4]))
  })

for (const [name, make] of models)
  onEachDevice(`${name}: saved, loaded and the same`, async () => {
    const model = make().eval()
    const folder = await mkdtemp(join(tmpdir(), 'cairn-'))
    await model.save(folder)
    expect((await readdir(folder)).sort()).toEqual(['config.json', 'model.safetensors'])
    const back = await loadCausalLM(folder)
    expect(back.config).toEqual({ ...model.config })
    expect([...back.stateDict().keys()]).toEqual([...model.stateDict().keys()])
    expect(await back.forward(ids(text)).data()).toEqual(await model.forward(ids(text)).data())
    const half = await loadCausalLM(await model.files(), { dtype: 'bf16' })
    expect(half.parameters().every(p => p.dtype === 'bf16')).toBe(true)
    await expectNear(half.forward(ids(text)).to('f32'), model.forward(ids(text)), 0.2)
    await rm(folder, { recursive: true })
  })

for (const [name, make] of models)
  onEachDevice(
    `${name}: learns a text by heart`,
    async () => {
      manualSeed(7)
      const model = make()
      const opt = new AdamW(model.parameters(), { lr: 0.02 })
      const x = ids([text[0].slice(0, -1)])
      const y = ids([text[0].slice(1)])
      let loss = model.forward(x).sum()
      for (let i = 0; i < 50; i++) {
        opt.zeroGrad()
        loss = crossEntropy(model.forward(x), y)
        loss.backward()
        await opt.step()
      }
      expect(await loss.item()).toBeLessThan(0.2)
    },
    { on: ['reference', 'wasm'] },
  )

onEachDevice('GPT-2 has the public names and shapes', () => {
  const names = [...new GPT2(gpt2).stateDict()].map(([name, t]) => `${name} [${t.shape.join(', ')}]`)
  expect(names.slice(0, 4)).toEqual([
    'transformer.wte.weight [11, 8]',
    'transformer.wpe.weight [12, 8]',
    'transformer.h.0.ln_1.weight [8]',
    'transformer.h.0.ln_1.bias [8]',
  ])
  expect(names).toContain('transformer.h.1.attn.c_attn.weight [8, 24]')
  expect(names).toContain('transformer.h.1.mlp.c_proj.weight [32, 8]')
  expect(names.length).toBe(2 + 2 * 12 + 2)
})

onEachDevice('Llama has the public names and shapes', () => {
  const names = [...new Llama(llama).stateDict()].map(([name, t]) => `${name} [${t.shape.join(', ')}]`)
  expect(names).toContain('model.embed_tokens.weight [11, 8]')
  expect(names).toContain('model.layers.1.self_attn.k_proj.weight [4, 8]')
  expect(names).toContain('model.layers.0.post_attention_layernorm.weight [8]')
  expect(names).toContain('model.layers.0.mlp.down_proj.weight [8, 12]')
  expect(names).toContain('lm_head.weight [11, 8]')
  expect(names.length).toBe(1 + 2 * 9 + 1 + 1)
})

onEachDevice("GPT-2 takes OpenAI's names, and the transposed layers of nanoGPT and minGPT", async () => {
  const model = new GPT2(gpt2).eval()
  const wanted = await model.forward(ids(text)).data()
  const bare = new Map([...model.stateDict()].map(([name, t]) => [name.replace('transformer.', ''), t]))
  bare.set('h.0.attn.bias', tensor([1]))
  expect(await (await GPT2.fromWeights(gpt2, bare)).forward(ids(text)).data()).toEqual(wanted)
  const linear = new Map<string, Tensor>()
  for (const [name, t] of model.stateDict())
    linear.set(`_orig_mod.${name}`, /c_(attn|proj|fc)\.weight$/.test(name) ? t.transpose(0, 1) : t)
  linear.set('_orig_mod.lm_head.weight', model.transformer.wte.weight)
  expect(await (await GPT2.fromWeights(gpt2, linear)).forward(ids(text)).data()).toEqual(wanted)
})

onEachDevice('weights in several files', async () => {
  const model = new Llama(llama).eval()
  const all = [...model.stateDict()]
  const halves = [all.slice(0, 9), all.slice(9)]
  const map = Object.fromEntries(halves.flatMap((half, i) => half.map(([name]) => [name, `model-${i}.safetensors`])))
  const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))
  const files = new Map<string, Uint8Array>([
    ['config.json', (await model.files()).get('config.json')!],
    ['model.safetensors.index.json', encode({ metadata: {}, weight_map: map })],
    ['model-0.safetensors', await saveSafetensors(new Map(halves[0]))],
    ['model-1.safetensors', await saveSafetensors(new Map(halves[1]))],
  ])
  const back = await Llama.fromPretrained(files)
  expect(await back.forward(ids(text)).data()).toEqual(await model.forward(ids(text)).data())
  const index = (value: unknown) =>
    Llama.fromPretrained(new Map([...files, ['model.safetensors.index.json', encode(value)]]))
  await expect(index({ weight_map: { x: '../../secret.safetensors' } })).rejects.toThrow(
    'not the name of a file beside it',
  )
  await expect(index({ weight_map: { x: 'model-0.safetensors' } })).rejects.toThrow('does not hold x')
  await expect(index({ weight_map: { x: 'model-7.safetensors' } })).rejects.toThrow('model-7.safetensors is not there')
  await expect(index({})).rejects.toThrow('weight_map')
})

onEachDevice('folders that are not models', async () => {
  const encode = (value: unknown) => new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value))
  const config = JSON.parse(new TextDecoder().decode((await new Llama(llama).files()).get('config.json')))
  const load = (value: unknown) => Llama.fromPretrained({ 'config.json': encode(value) })
  await expect(loadCausalLM('/nowhere/at/all')).rejects.toThrow('there is no config.json in /nowhere/at/all')
  await expect(load(config)).rejects.toThrow('neither model.safetensors nor its index')
  await expect(load('{')).rejects.toThrow('config.json is not JSON')
  await expect(load([])).rejects.toThrow('not a JSON object')
  await expect(load({ ...config, hidden_size: -8 })).rejects.toThrow('hidden_size must be a positive integer, it is -8')
  await expect(load({ ...config, vocab_size: undefined })).rejects.toThrow(
    'vocab_size must be a positive integer, it is missing',
  )
  await expect(load({ ...config, hidden_act: 'gelu' })).rejects.toThrow('hidden_act must be one of silu')
  await expect(load({ ...config, rope_scaling: { type: 'yarn' } })).rejects.toThrow('rope_scaling')
  await expect(loadCausalLM({ 'config.json': encode({ model_type: 'mamba' }) })).rejects.toThrow(
    'is none of gpt2, llama',
  )
  const files = { 'config.json': encode(config), 'model.safetensors': await saveSafetensors({ x: tensor([1]) }) }
  await expect(Llama.fromPretrained(files)).rejects.toThrow('unexpected x')
})

onEachDevice('sizes that do not fit', () => {
  expect(() => new GPT2({ ...gpt2, heads: 3 })).toThrow('3 heads do not divide the width 8')
  expect(() => new Llama({ ...llama, kvHeads: 3 })).toThrow('4 heads do not share 3 key heads')
  expect(() => new GPT2(gpt2).forward(ids([new Array(13).fill(0)]))).toThrow('13 positions are more than the context')
})
