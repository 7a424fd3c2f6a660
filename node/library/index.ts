export { type IngestOptions, Library, type LibraryDependencies, type PullSelection } from './library.ts'
