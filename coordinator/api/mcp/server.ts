/** The MCP server: tools and resources over a caller of routes. One for each request over HTTP, one for a pipe. */
import {
  type CallToolResult,
  McpServer,
  type ReadResourceResult,
  ResourceNotFoundError,
  ResourceTemplate,
} from '@modelcontextprotocol/server'
import type { CallRoute } from '#protocol/api/client.ts'
import { errorToWire, HartonomousError, isHartonomousError, remedyOf } from '#protocol/errors.ts'
import { type Tool, tools } from './tools.ts'

const instructions =
  'A swarm of nodes that hold and run AI models. list_models says what there is, find_components looks into models, ' +
  'quote_job says what work would cost, submit_job and chat start it. Amounts are wei of HART as decimal text.'

/** Listed to who asks; a swarm may have thousands. */
const modelsListedMax = 100

export function createMcpServer(call: CallRoute, version: string): McpServer {
  const server = new McpServer({ name: 'hartonomous', title: 'Hartonomous', version }, { instructions })
  for (const [name, tool] of Object.entries(tools)) registerTool(server, name, tool as unknown as Tool, call)
  registerResources(server, call)
  return server
}

function registerTool(server: McpServer, name: string, tool: Tool, call: CallRoute): void {
  const { title, description, input, output, effect, run } = tool
  const annotations = {
    readOnlyHint: effect === 'reads',
    destructiveHint: effect === 'ends',
    idempotentHint: effect !== 'works',
    // Nodes of strangers do the work.
    openWorldHint: true,
  }
  const config = { title, description, inputSchema: input, outputSchema: output, annotations }
  server.registerTool(name, config, async (args, context): Promise<CallToolResult> => {
    try {
      const value = await run(args, call, context.mcpReq.signal)
      return { content: [{ type: 'text', text: JSON.stringify(value) }], structuredContent: value }
    } catch (error) {
      return failed(error)
    }
  })
}

/** What went wrong and what to do, for the model to read; code and figures for the program around it. */
function failed(error: unknown): CallToolResult {
  const known = isHartonomousError(error)
    ? error
    : new HartonomousError('ERR_IO', { path: 'tool', reason: 'internal error' })
  const remedy = remedyOf(known)
  const text = `${known.code}: ${known.message}${remedy === undefined ? '' : `\nfix: ${remedy}`}`
  const detail = { ...errorToWire(known), ...(remedy === undefined ? {} : { remedy }) }
  return { isError: true, content: [{ type: 'text', text }], _meta: { 'hartonomous/error': detail } }
}

function registerResources(server: McpServer, call: CallRoute): void {
  const mimeType = 'application/json'
  server.registerResource(
    'sql',
    'hartonomous://sql',
    { title: 'SQL views', description: 'The documented views that run_sql may read.', mimeType },
    (uri) => read(uri, () => call('sqlSchema', {})),
  )
  const listModels = async () => {
    const { models } = await call('listModels', { query: { limit: modelsListedMax } })
    return {
      resources: models.map(({ name, modelId, licence }) => ({
        uri: `hartonomous://models/${encodeURIComponent(modelId)}`,
        name,
        description: `${name}, ${licence}`,
        mimeType,
      })),
    }
  }
  server.registerResource(
    'model',
    new ResourceTemplate('hartonomous://models/{model}', { list: listModels }),
    { title: 'Model', description: 'By component of a model, how many nodes hold it: what is rare.', mimeType },
    (uri, { model }) => read(uri, () => call('modelCoverage', { params: { model: nameOf(model) } })),
  )
  server.registerResource(
    'components',
    new ResourceTemplate('hartonomous://models/{model}/components', { list: undefined }),
    { title: 'Components', description: 'Components of a model in its order, with their sizes.', mimeType },
    (uri, { model }) => read(uri, () => call('listComponents', { query: { model: nameOf(model), limit: 1000 } })),
  )
}

function nameOf(variable: string | string[] | undefined): string {
  return decodeURIComponent(String(variable))
}

async function read(uri: URL, get: () => Promise<unknown>): Promise<ReadResourceResult> {
  try {
    return { contents: [{ uri: uri.href, mimeType: 'application/json', text: JSON.stringify(await get()) }] }
  } catch (error) {
    if (isHartonomousError(error, 'ERR_NOT_FOUND')) throw new ResourceNotFoundError(uri.href, error.message)
    throw error
  }
}
