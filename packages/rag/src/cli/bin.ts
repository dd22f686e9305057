#!/usr/bin/env node
// The program `rag`. What it does is in main.ts.
import { main } from './main.ts'

main(process.argv.slice(2)).then(code => {
  process.exitCode = code
})
