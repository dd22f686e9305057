// The suites that take long on a software GPU.
import { testDevices } from '../packages/tensor/src/testing/devices.ts'
import { checkSuite } from './check-suite.ts'

for (const device of testDevices.filter(d => d.name === 'webgpu'))
  checkSuite({ name: 'onnx', data: 'reference/onnx-node', cases: 932, passed: 841 }, device)

for (const device of testDevices.filter(d => d.name === 'webgpu'))
  checkSuite({ name: 'stories260k', data: 'reference/stories260K', cases: 20 }, device)
