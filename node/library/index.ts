export { downloadModel, isUrlReference } from './download.ts'
export { chunkIndexesOf, type IngestOptions, Library, type LibraryDependencies, type PullSelection } from './library.ts'
