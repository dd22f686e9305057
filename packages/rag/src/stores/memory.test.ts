import { openMemoryStore } from './memory.ts'
import { storeSuite } from './testing/suite.ts'

storeSuite('memory', () => openMemoryStore({ dimensions: 3 }))
