export { Registry, type RegistryDependencies } from './registry.ts'
