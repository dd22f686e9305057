// The worker of the tests.
import { serveStore } from '../index.ts'

serveStore()
