// Every suite passes, on WASM and on WebGPU.
import { testDevices } from '../packages/tensor/src/testing/devices.ts'
import { checkSuite, type SuiteCheck } from './check-suite.ts'

const checks: SuiteCheck[] = [
  { name: 'torch-ops', data: 'reference/torch', cases: 78 },
  { name: 'torch-train', data: 'reference/torch', cases: 90 },
  { name: 'gpt-nano', data: 'models/gpt-nano-sort', cases: 20 },
]
const compiled = testDevices.filter(d => d.name !== 'reference')
for (const check of checks) for (const device of compiled) checkSuite(check, device)

// It knows no device.
for (const device of compiled.filter(d => d.name === 'wasm'))
  checkSuite({ name: 'bm25', data: 'retrieval', cases: 40 }, device)

// The weights come with this workspace. On a software GPU it takes half a minute.
for (const device of compiled.filter(d => d.name === 'wasm'))
  checkSuite({ name: 'use-lite', data: 'reference/use-lite', cases: 53 }, device)

// Hundreds of models to compile for; the GPU's are in suites.slow.test.ts.
for (const device of compiled.filter(d => d.name === 'wasm'))
  checkSuite({ name: 'onnx', data: 'reference/onnx-node', cases: 932, passed: 881 }, device)

// Minutes on a software GPU.
for (const device of compiled.filter(d => d.name === 'wasm'))
  checkSuite({ name: 'mnist-cnn', data: 'models/mnist-cnn', cases: 2 }, device)

// On a software GPU it takes most of a minute: suites.slow.test.ts.
const stories: SuiteCheck = { name: 'stories260k', data: 'reference/stories260K', cases: 20 }
for (const device of compiled.filter(d => d.name === 'wasm')) checkSuite(stories, device)
