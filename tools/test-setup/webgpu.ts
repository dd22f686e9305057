// Runs in every test process before the test file: from here on Dawn's Vulkan is SwiftShader (see tools/swiftshader.ts).
import { useSwiftShader } from '../swiftshader.ts'

await useSwiftShader()
