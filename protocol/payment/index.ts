/** Payment: messages inside the sessions of the chunk and the infer protocol. Field tables: ./README.md. */
export * from './amount.ts'
export * from './codec.ts'
export * from './message.ts'
