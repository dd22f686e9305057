// Finds a Chromium that is already on the machine; nothing here downloads one.
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
const ELSEWHERE = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
]

/** The path of a Chromium: CHROME_PATH, else the first in PATH, else a usual place; undefined where there is none. */
export function findChromium(): string | undefined {
  const { CHROME_PATH, PATH = '' } = process.env
  if (CHROME_PATH) return existsSync(CHROME_PATH) ? CHROME_PATH : undefined
  const inPath = PATH.split(delimiter).flatMap(folder => NAMES.map(name => join(folder, name)))
  return [...inPath, ...ELSEWHERE].find(path => existsSync(path))
}

/**
 * Flags for tests: WebGPU on (a SwiftShader adapter where there is no card), no traffic of the browser's own, and no
 * sandbox, because containers and root have none and the pages are ours.
 */
export const chromiumFlags = [
  '--enable-unsafe-webgpu',
  '--no-sandbox',
  '--no-first-run',
  '--disable-quic',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]
