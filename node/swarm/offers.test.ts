import { afterAll, beforeAll, expect, test } from 'vitest'
import { dataOfferProtocol, decodeDataOfferResponse, encodeDataOfferRequest } from '#protocol/data-offer/index.ts'
import { type DataPlane, startDataPlane } from '../chunks/index.ts'
import type { TlsSourceAddress } from '../chunks/types.ts'
import type { Network } from '../network/index.ts'
import { TestNetworks } from './network.fixture.ts'
import { dialableHosts, serveOffers } from './offers.ts'

const networks = new TestNetworks()
let node: Network
let hostile: Network
let dataPlane: DataPlane
beforeAll(async () => {
  node = await networks.start()
  hostile = await networks.start()
  dataPlane = await startDataPlane({ listenHost: '127.0.0.1', listenPort: 0 })
})
afterAll(async () => {
  await networks.close()
  await dataPlane.close()
})

test('offers: a peer cannot make this node dial a third party', async () => {
  const dialled: TlsSourceAddress[] = []
  // The real data plane, watched at the one door through which it dials for a peer.
  const watched: DataPlane = Object.assign(Object.create(dataPlane), {
    dialAndServe: async (target: TlsSourceAddress) => {
      dialled.push(target)
      return dataPlane.dialAndServe(target)
    },
  })
  await serveOffers(node, watched, { hosts: () => [], isServing: () => true })
  const certificateSha256 = new Uint8Array(32)
  const hosts = ['169.254.169.254', '192.0.2.1', '10.0.0.1', '2001:db8::1']
  const request = encodeDataOfferRequest({
    direction: 'dial',
    certificateSha256,
    endpoint: { hosts, port: 9, certificateSha256, token: new Uint8Array(32) },
  })
  const answer = await hostile.request(node.peerId, dataOfferProtocol.id, request, { frameBytesMax: 1024 })
  expect(decodeDataOfferResponse(answer).type).toBe('dialling')
  expect(dialled.map(({ host }) => host)).toEqual(['127.0.0.1'])
})

test('offers: only addresses at which the peer was met are dialled', () => {
  const met = ['/ip4/198.51.100.7/tcp/7412/p2p/12D3KooWx', '/ip6/2001:db8::5/tcp/1']
  expect(dialableHosts(['10.0.0.1', '198.51.100.7'], met)).toEqual(['198.51.100.7'])
  expect(dialableHosts(['127.0.0.1', '10.0.0.1'], met)).toEqual(['198.51.100.7', '2001:db8::5'])
  expect(dialableHosts(['10.0.0.1'], [])).toEqual([])
  // Through a relay nothing shows where the peer is: the address is the relay's.
  expect(dialableHosts(['10.0.0.1'], ['/ip4/203.0.113.9/tcp/1/p2p/12D3KooWr/p2p-circuit'])).toEqual([])
  expect(dialableHosts(['127.0.0.2', '10.254.254.254'], ['/ip4/127.0.0.1/tcp/1'])).toEqual(['127.0.0.2'])
})
