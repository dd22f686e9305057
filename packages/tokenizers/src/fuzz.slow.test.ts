// The fuzzes of the fast tests, longer: strings against the Rust library, damaged files.
process.env.CAIRN_FUZZ ??= '2000'
process.env.CAIRN_MUTATIONS ??= '2500'
await import('./rust.test.ts')
await import('./formats/formats.test.ts')

export {}
