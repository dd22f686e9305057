// The fuzzes of the fast tests, longer: strings against the Rust library, damaged files, whole corpora against spm_train.
process.env.CAIRN_FUZZ ??= '2000'
process.env.CAIRN_MUTATIONS ??= '10000'
process.env.CAIRN_STRINGS ??= '100000'
process.env.CAIRN_SPM_BYTES ??= '3000000'
await import('./rust.test.ts')
await import('./vocabularies.test.ts')
await import('./formats/formats.test.ts')
await import('./formats/hostile.test.ts')
await import('./normalizers/compile-rules.test.ts')
await import('./trainers/sentence-piece.test.ts')

export {}
