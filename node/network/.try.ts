import { byteChannel } from '#protocol/port/byte-channel.ts'
import { addressOf, Swarm } from './swarm.fixture.ts'

const swarm = new Swarm()
const a = await swarm.start('a'),
  b = await swarm.start('b')
await b.handleRaw('/hartonomous/raw/1.0.0', async (peerId, port) => {
  const ch = byteChannel(port, peerId)
  ch.closed.then((c) => console.log('b closed', c))
})
await a.dial(await addressOf(b))
const ch = byteChannel(await a.openRawStream(b.peerId, '/hartonomous/raw/1.0.0'), 'b')
ch.closed.then((c) => console.log('a closed', c))
let n = 0
;(async () => {
  for (let i = 0; i < 100; i++) {
    await ch.send(new Uint8Array(256 * 1024))
    n++
  }
})().catch((e) => console.log(e.message))
await new Promise((r) => setTimeout(r, 2000))
console.log('taken', n)
await swarm.stop()
