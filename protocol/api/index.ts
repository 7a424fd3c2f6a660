/** HTTP shapes: OpenAI requests and answers, error bodies, server-sent events. Pure. The control API is in `control.ts`. */
export * from './error.ts'
export * from './openai-request.ts'
export * from './openai-response.ts'
export * from './sse.ts'
