/** The executable of `hart mcp`: where the coordinator is, and who calls, comes by the environment; arguments are seen by all. */
import { serveMcpStdio } from '../api/mcp/stdio.ts'

const { HARTONOMOUS_COORDINATOR_URL: url, HARTONOMOUS_API_KEY: token } = process.env
try {
  if (url === undefined) throw new Error('HARTONOMOUS_COORDINATOR_URL is not set')
  await serveMcpStdio(token === undefined ? { url } : { url, token })
} catch (error) {
  process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 3
}
