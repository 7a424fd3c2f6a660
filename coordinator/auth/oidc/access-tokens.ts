/** Access tokens of OpenID Connect issuers (JWT): checked here, with keys that the issuer publishes. The issuer is not asked. */
import { createHash } from 'node:crypto'
import { decodeJwt, decodeProtectedHeader, errors, type JWTPayload, jwtVerify } from 'jose'
import { HartonomousError, isHartonomousError } from '#protocol/errors.ts'
import type { Identity, Role, Scope } from '../../identity.ts'
import { givenRoles, type IssuerConfig } from '../config.ts'
import { scopesOfRole } from '../scope.ts'
import { tenantOfClaims } from '../tenant.ts'
import { IssuerKeys } from './issuer-keys.ts'

/** Between the issuer's clock and ours. */
const skewSeconds = 60
/** Of those that our kind of token has; a logout or DPoP token is signed by the same keys and means something else. */
const accessTokenTypes = ['jwt', 'at+jwt', 'application/at+jwt']
const directoryPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
/** Which role wins where a token has several. */
const byStrength: readonly Role[] = givenRoles

interface Issuer {
  config: IssuerConfig
  keys: IssuerKeys
}

export class AccessTokens {
  readonly #issuers: readonly Issuer[]
  readonly #now: () => number

  constructor(configs: readonly IssuerConfig[], now: () => number) {
    this.#issuers = configs.map((config) => ({ config, keys: new IssuerKeys(config, now) }))
    this.#now = now
  }

  /** @throws {ERR_AUTH} {ERR_NO_SOURCE} where the issuer's keys are not to be had */
  async identify(token: string): Promise<Identity> {
    const { header, claimed } = read(token)
    const issuer = this.#issuerOf(claimed)
    const { algorithms, audiences, tokenType } = issuer.config
    const algorithm = algorithms.find((each) => each === header.alg)
    if (algorithm === undefined) refuse('its algorithm is not one that its issuer uses here')
    checkType(tokenType, header.typ)
    const wanted = { alg: algorithm, kid: header.kid, issuer: String(claimed.iss), directory: textOf(claimed['tid']) }
    try {
      const { payload } = await jwtVerify(token, () => issuer.keys.find(wanted), {
        algorithms: [algorithm],
        issuer: wanted.issuer,
        audience: audiences,
        clockTolerance: skewSeconds,
        currentDate: new Date(this.#now()),
        requiredClaims: ['exp'],
      })
      return identityOf(issuer.config, payload, token)
    } catch (error) {
      if (isHartonomousError(error)) throw error
      refuse(reasonOf(error), error)
    }
  }

  /** By the whole claim, before anything is fetched: an issuer that nobody named is never asked for anything. */
  #issuerOf({ iss, tid }: JWTPayload): Issuer {
    const issuer = this.#issuers.find(({ config }) => {
      if (config.directories === undefined) return config.issuer === iss
      if (typeof tid !== 'string' || !directoryPattern.test(tid)) return false
      const isIn = config.directories === 'any' || config.directories.some((each) => each.toLowerCase() === tid)
      return isIn && config.issuer.replace('{tenantid}', tid) === iss
    })
    return issuer ?? refuse('its issuer is none that this coordinator trusts')
  }
}

function read(token: string): { header: { alg?: string; kid?: string; typ?: string }; claimed: JWTPayload } {
  try {
    const { alg, kid, typ } = decodeProtectedHeader(token)
    const header = Object.fromEntries(
      Object.entries({ alg, kid, typ }).filter(([, value]) => typeof value === 'string'),
    )
    return { header, claimed: decodeJwt(token) }
  } catch (error) {
    refuse('it is no JWT', error)
  }
}

function checkType(wanted: IssuerConfig['tokenType'], typ: string | undefined): void {
  const actual = typ?.toLowerCase()
  const isAccessToken = actual === 'at+jwt' || actual === 'application/at+jwt'
  if (wanted === 'at+jwt' && !isAccessToken) refuse('its type is not at+jwt')
  if (actual !== undefined && !accessTokenTypes.includes(actual)) refuse('its type is that of no access token')
}

function identityOf(config: IssuerConfig, claims: JWTPayload, token: string): Identity {
  for (const [claim, values] of Object.entries(config.requiredClaims)) {
    const actual = valuesOf(claims[claim])
    const isThere = values.length === 0 ? actual.length > 0 : values.some((value) => actual.includes(value))
    if (!isThere) refuse(`its claim ${claim} is not as this coordinator wants it`)
  }
  const tenant = tenantOfClaims(String(claims.iss), claims)
  const given = valuesOf(claims['roles']).flatMap((value) => ownValue(config.roles, value) ?? [])
  const role = byStrength.find((each) => given.includes(each as (typeof givenRoles)[number])) ?? config.defaultRole
  if (role === undefined) refuse('none of its roles is one of this coordinator')
  return {
    tenant,
    name: nameOf(claims, tenant),
    role,
    scopes: scopesOf(config, role, claims),
    method: 'oidc',
    credential: `token:${idOf(claims, token)}`,
  }
}

/** `scp` of Entra, `scope` of RFC 9068: words with a space between them. Of both only what the role has anyway. */
function scopesOf({ scopes }: IssuerConfig, role: Role, claims: JWTPayload): ReadonlySet<Scope> {
  const ofRole = scopesOfRole(role)
  if (scopes === undefined) return ofRole
  const granted = [...valuesOf(claims['scp']), ...valuesOf(claims['scope'])]
  return ofRole.intersection(new Set(granted.flatMap((value) => ownValue(scopes, value) ?? [])))
}

/** For people to read, so never for a decision: whoever may edit a profile may choose it. */
function nameOf(claims: JWTPayload, tenant: string): string {
  const named = textOf(claims['preferred_username']) ?? textOf(claims['email']) ?? textOf(claims['name'])
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out.
  const readable = named?.replace(/[\u0000-\u001f\u007f-\u009f]/g, '').slice(0, 100)
  return readable === undefined || readable === '' ? tenant.slice(0, 200) : readable
}

/** For logs: what the issuer calls the token where that is plain, else a part of its hash. */
function idOf(claims: JWTPayload, token: string): string {
  const named = [claims.jti, claims['uti']].find((id) => typeof id === 'string' && /^[\x21-\x7e]{1,64}$/.test(id))
  return typeof named === 'string' ? named : createHash('sha256').update(token).digest('hex').slice(0, 16)
}

function valuesOf(claim: unknown): string[] {
  if (typeof claim === 'string') return claim.split(' ').filter((value) => value !== '')
  return Array.isArray(claim) ? claim.filter((value): value is string => typeof value === 'string') : []
}

/** A token may say `constructor`. */
function ownValue<T>(map: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(map, key) ? map[key] : undefined
}

function textOf(claim: unknown): string | undefined {
  return typeof claim === 'string' && claim !== '' ? claim : undefined
}

function reasonOf(error: unknown): string {
  if (error instanceof errors.JWTExpired) return 'it has expired'
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.claim === 'nbf') return 'it is not valid yet'
    return error.claim === 'aud' ? 'it is for another audience' : `its claim ${error.claim} is wrong or missing`
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'its signature is wrong'
  return 'it is damaged'
}

function refuse(reason: string, cause?: unknown): never {
  throw new HartonomousError('ERR_AUTH', { reason: `the access token is refused: ${reason}` }, { cause })
}
