/** A chain of Hardhat behind a port, as a process of its own; it ends when its input does. Prints where it answers. */
import { startHardhat } from '#node/chain/hardhat.fixture.ts'
import { serveRpc } from '#node/chain/rpc-server.fixture.ts'

const hardhat = await startHardhat()
const server = await serveRpc(hardhat.request)
process.stdout.write(`${server.url}\n`)
process.stdin.resume().once('end', async () => {
  await server.close()
  await hardhat.close()
})
