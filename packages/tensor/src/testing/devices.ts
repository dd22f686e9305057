// The devices that this run tests: every one that can start, or those named by CAIRN_TEST_DEVICES ("wasm,reference"). A device that
// cannot start is skipped by name, with the reason in the title of the test.

import { test } from 'vitest'
import { type DeviceName, engineOf, setDefaultDevice } from '../device.ts'

export interface TestDevice {
  readonly name: DeviceName
  /** why it cannot be tested here; null when it runs */
  readonly missing: string | null
}

const known: readonly DeviceName[] = ['reference', 'wasm', 'webgpu']

const wanted = (): readonly DeviceName[] => {
  const names = process.env.CAIRN_TEST_DEVICES?.split(',').map(s => s.trim()) ?? known
  for (const name of names)
    if (!known.includes(name as DeviceName)) throw new Error(`CAIRN_TEST_DEVICES: there is no device '${name}'`)
  return names as DeviceName[]
}

async function tryDevice(name: DeviceName): Promise<TestDevice> {
  try {
    await engineOf(name).ready()
    return { name, missing: null }
  } catch (error) {
    return { name, missing: String((error as Error).message ?? error).split('\n')[0] }
  }
}

export const testDevices: readonly TestDevice[] = await Promise.all(wanted().map(tryDevice))

export interface DeviceTestOptions {
  /** devices the test is about; default: all */
  readonly on?: readonly DeviceName[]
  readonly timeout?: number
}

/** One test a device, with that device as the default one. */
export function onEachDevice(
  title: string,
  run: (device: DeviceName) => Promise<void> | void,
  options: DeviceTestOptions = {},
): void {
  const chosen = testDevices.filter(({ name }) => !options.on || options.on.includes(name))
  if (chosen.length === 0) test.skip(`${title} (skipped: this run leaves out ${options.on!.join(' and ')})`, () => {})
  for (const { name, missing } of chosen) {
    const label = missing ? `${title} [${name}] (skipped, the device does not start: ${missing})` : `${title} [${name}]`
    test.skipIf(missing)(
      label,
      async () => {
        await setDefaultDevice(name)
        await run(name)
      },
      options.timeout,
    )
  }
}
