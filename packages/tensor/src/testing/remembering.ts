// What is built once (docs/architecture.md), off and on: a program that runs with it off walks every history and asks every rule, and is
// what the same program with it on is held to.

import { type History, Passes } from '../autograd/history.ts'
import { Template } from '../graph/template.ts'

const { find } = Passes.prototype
const { again } = Template.prototype
const { of } = Template

/** How often a remembered pass was found, and a template had its values again, since `rememberAll` was called first. */
export const remembered = { passes: 0, templates: 0 }

/** Counts what is remembered, from now on. */
export function rememberAll(): void {
  Passes.prototype.find = function (this: Passes, history: History, hash: number) {
    const found = find.call(this, history, hash)
    if (found?.pass) remembered.passes++
    return found
  }
  Template.prototype.again = function (this: Template, given) {
    remembered.templates++
    return again.call(this, given)
  }
  Template.of = of
}

/** From now on nothing is remembered. */
export function rememberNothing(): void {
  // a history that has to be walked each time
  Passes.prototype.find = () => ({ key: new Int32Array(0), pass: null })
  Template.of = (name, given, build) => {
    const { template } = of(name, given, () => [])
    return { values: build(), template }
  }
}
