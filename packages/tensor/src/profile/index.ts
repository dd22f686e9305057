// The public surface of @cairn/tensor/profile, and nothing else.

export { type KernelProfile, type Profile, type ProfileOptions, profile, type Roofline } from './profile.ts'
