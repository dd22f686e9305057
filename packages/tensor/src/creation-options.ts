// Where a new tensor lives: the device it names, else the default one.

import { type DeviceName, defaultEngine, engineOf } from './device.ts'
import type { Engine } from './graph/engine.ts'

export interface DefaultOptions {
  readonly device?: DeviceName
}

export const placed = (options: DefaultOptions): Engine => (options.device ? engineOf(options.device) : defaultEngine())
