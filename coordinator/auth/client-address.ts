/** From where a request comes, as a name for limits: an IPv4 address, or the network of an IPv6 one. */
import { BlockList, isIP, isIPv6 } from 'node:net'
import type { CallerRequest } from '#node/gateway/index.ts'
import { addToList } from './config.ts'

/** A proxy adds one; a longer list is somebody's joke. */
const forwardedMax = 16

export class ClientAddresses {
  readonly #proxies = new BlockList()

  /** @param trustedProxies addresses and networks whose `X-Forwarded-For` is believed */
  constructor(trustedProxies: readonly string[]) {
    for (const proxy of trustedProxies) addToList(this.#proxies, proxy)
  }

  /** What a proxy of ours saw last; everything before it anybody could have written. */
  of({ headers, socket }: CallerRequest): string {
    let address = plain(socket.remoteAddress ?? '')
    const forwarded = [headers['x-forwarded-for'] ?? []].flat().join(',').split(',').slice(-forwardedMax)
    for (const each of forwarded.reverse()) {
      if (!this.#isProxy(address)) break
      const before = plain(each.trim())
      if (isIP(before) === 0) break
      address = before
    }
    return isIPv6(address) ? networkOf(address) : address
  }

  #isProxy(address: string): boolean {
    return isIP(address) !== 0 && this.#proxies.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
  }
}

/** IPv4 as a socket for both families shows it. */
function plain(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '')
}

/** The first 64 bits: the rest a customer of any provider may choose. */
function networkOf(address: string): string {
  const [before = '', after] = new URL(`http://[${address.split('%')[0]}]`).hostname.slice(1, -1).split('::')
  const head = before === '' ? [] : before.split(':')
  const tail = after === undefined || after === '' ? [] : after.split(':')
  const groups = [...head, ...Array<string>(8 - head.length - tail.length).fill('0'), ...tail]
  return `${groups.slice(0, 4).join(':')}::/64`
}
