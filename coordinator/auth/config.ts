/** The part `auth` of `DATA/coordinator.json`: who may call this coordinator, and how much of it each may use. */
import { BlockList, isIP } from 'node:net'
import { z } from 'zod'
import { GiB } from '#protocol/units.ts'
import { scopes } from '../identity.ts'
import { issuerCharactersMax } from './tenant.ts'

/** `owner` is of this machine: nobody becomes it from outside. */
export const givenRoles = ['operator', 'member', 'reader'] as const

/** Asymmetric ones only: with an HMAC whoever can check a token can make one. */
export const tokenAlgorithms = ['RS256', 'ES256', 'PS256', 'EdDSA'] as const

const loopbackHosts = ['127.0.0.1', 'localhost', '[::1]']

/** Keys of an issuer must come over TLS; a loopback issuer is for development and tests. */
export function isTrustedUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, hostname, username, password } = new URL(text)
  const isSafe = protocol === 'https:' || (protocol === 'http:' && loopbackHosts.includes(hostname))
  return isSafe && username === '' && password === ''
}

const trustedUrl = z.string().max(2048).refine(isTrustedUrl, 'an https URL without credentials (http on loopback only)')

const issuerUrl = z
  .string()
  .max(issuerCharactersMax - 64)
  .refine(
    (text) => isTrustedUrl(text.replace('{tenantid}', '0')) && !/[?#\s]/.test(text) && text.split('{').length <= 2,
    'an https URL without query and fragment, as it stands in the claim iss',
  )

const origin = z
  .string()
  .refine(
    (text) => /^https?:\/\/[^*]+$/.test(text) && URL.canParse(text) && new URL(text).origin === text,
    'an origin such as https://app.example, with no path and no wildcard',
  )

const role = z.enum(givenRoles)
const claimName = z.string().min(1).max(128)
const claimValues = z.array(z.string().min(1).max(256)).max(64)

const issuerConfig = z
  .strictObject({
    issuer: issuerUrl.describe('As in the claim iss; {tenantid} stands for the tid of a multi-tenant issuer.'),
    audiences: z.array(z.string().min(1).max(256)).min(1).max(16),
    jwks: trustedUrl.optional().describe('Where its keys are; without it they are found by discovery.'),
    discovery: trustedUrl.optional().describe('Unless it is ISSUER/.well-known/openid-configuration.'),
    algorithms: z.array(z.enum(tokenAlgorithms)).min(1).default(['RS256', 'ES256', 'PS256', 'EdDSA']),
    tokenType: z.enum(['any', 'at+jwt']).default('any').describe('at+jwt asks for the type of RFC 9068.'),
    directories: z
      .union([z.literal('any'), z.array(z.guid()).min(1).max(256)])
      .optional()
      .describe('Values of tid that are let in, where the issuer has {tenantid}.'),
    requiredClaims: z
      .record(claimName, claimValues)
      .default({})
      .describe('Claim -> values of which one must be there.'),
    roles: z.record(z.string().min(1).max(128), role).default({}).describe('Value of the claim roles -> role here.'),
    defaultRole: role.optional().describe('Of those whom no value gives one; without it they are refused.'),
    scopes: z
      .record(z.string().min(1).max(128), z.array(z.enum(scopes)))
      .optional()
      .describe('Value of scp or scope -> scopes here; without it a token has all of its role.'),
  })
  .refine(
    ({ issuer, directories }) => issuer.includes('{tenantid}') === (directories !== undefined),
    'directories stands exactly where the issuer has {tenantid}: a list of tid, or "any"',
  )

const address = z.string().regex(/^0x[0-9a-fA-F]{40}$/, 'an address is 0x and 40 hexadecimal digits')

const walletConfig = z.strictObject({
  origins: z.array(origin).min(1).max(16).describe('Pages where people sign in: the domain and URI of the message.'),
  chainIds: z.array(z.int().min(1)).min(1).max(16),
  addresses: z.union([z.literal('any'), z.array(address).max(10_000)]),
  role: role.default('member'),
  operators: z.array(address).max(64).default([]),
  statement: z
    .string()
    .max(256)
    .regex(/^[A-Za-z0-9._~:/?#[\]@!$&'()*+,;= -]+$/, 'letters, digits and the punctuation of URLs')
    .default('Sign in to this Hartonomous coordinator.'),
})

const amount = z.number().int().min(1).max(Number.MAX_SAFE_INTEGER)

export const quotaConfig = z.strictObject({
  requestsPerMinute: amount.default(1200),
  tokensPerDay: amount.default(2_000_000).describe('Input and output together.'),
  concurrentJobs: amount.default(16),
  storedBytes: amount.default(GiB),
})

const proxy = z
  .string()
  .refine((text) => addToList(new BlockList(), text), 'an IP address, or a network such as 10.0.0.0/8')

export const authConfig = z.strictObject({
  issuers: z
    .array(issuerConfig)
    .max(32)
    .default([])
    .refine((all) => new Set(all.map(({ issuer }) => issuer)).size === all.length, 'an issuer stands there twice'),
  wallets: walletConfig.optional(),
  apiKeys: z.boolean().default(true),
  loopbackOpenAi: z
    .boolean()
    .default(true)
    .describe('Programs of this machine use /v1 without a key, where the coordinator listens on loopback only.'),
  publicNetwork: z
    .boolean()
    .default(true)
    .describe(
      'Map, models and chain are shown without credentials: what nodes tell everybody, and nothing of tenants.',
    ),
  quota: quotaConfig.prefault({}),
  tenantQuotas: z
    .record(z.string().min(1).max(1024), quotaConfig.partial())
    .default({})
    .describe('Tenant -> what differs for it.'),
  attemptsPerMinute: amount.default(30).describe('Failed sign-ins of one address (an IPv6 network of 64 bits).'),
  publicUrls: z.array(origin).max(16).default([]).describe('By which it is reached from outside.'),
  hostNames: z
    .array(z.string().min(1).max(253))
    .max(16)
    .default([])
    .describe('Further names, reached at its own port.'),
  allowedOrigins: z.array(origin).max(64).default([]).describe('Pages of others that may call it (CORS).'),
  trustedProxies: z.array(proxy).max(64).default([]).describe('Whose X-Forwarded-For is believed.'),
})

export type AuthConfig = z.infer<typeof authConfig>
export type IssuerConfig = AuthConfig['issuers'][number]
export type WalletConfig = z.infer<typeof walletConfig>

/** False where the text is neither an address nor a network. */
export function addToList(list: BlockList, text: string): boolean {
  const [ip = '', bits, ...rest] = text.split('/')
  const version = isIP(ip)
  if (version === 0 || rest.length > 0) return false
  const family = version === 4 ? 'ipv4' : 'ipv6'
  if (bits === undefined) list.addAddress(ip, family)
  else if (!/^\d{1,3}$/.test(bits) || Number(bits) > (version === 4 ? 32 : 128)) return false
  else list.addSubnet(ip, Number(bits), family)
  return true
}
