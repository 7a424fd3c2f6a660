import sql from 'mssql'
import { expect, test } from 'vitest'
import { HartonomousError } from '#protocol/errors.ts'
import { storeErrorOf } from './errors.ts'

/** As the driver makes it: a RequestError around the token that the server sent. */
function requestError(number: number): Error {
  const original = Object.assign(new Error(`message of ${number}`), { info: { number, state: 1, class: 16 } })
  return new sql.RequestError(original, 'EREQUEST')
}

test.for([
  ['ERR_STORE_CONFLICT', [1205, 3960, 1222, 51_222]],
  ['ERR_STORE_DUPLICATE', [2627, 2601]],
  ['ERR_STORE_FULL', [1105, 1827, 9002, 40_544]],
  ['ERR_STORE_CORRUPT', [823, 824, 825]],
  ['ERR_STORE_READONLY', [3906]],
  ['ERR_USAGE', [547, 515, 2628, 8152, 51_223]],
  ['ERR_STORE_UNAVAILABLE', [18_456, 4060, 229, 40_613]],
] as const)('errors of SQL Server: %s', ([code, numbers]) => {
  for (const number of numbers) {
    const known = storeErrorOf(requestError(number)) as HartonomousError
    expect(known.code, String(number)).toBe(code)
    expect(known.message).toContain(String(number))
  }
})

test('errors of SQL Server: what the connection says is unavailable, whatever the text', () => {
  const errors = [
    new sql.ConnectionError('Login failed', 'ELOGIN'),
    new sql.ConnectionError('no route', 'ESOCKET'),
    new sql.ConnectionError('too slow', 'ETIMEOUT'),
    new sql.RequestError('Timeout: Request failed to complete', 'ETIMEOUT'),
    new sql.TransactionError('Transaction has been aborted.', 'EABORT'),
  ]
  for (const error of errors)
    expect(storeErrorOf(error), error.message).toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' })
})

test('errors of SQL Server: errors of ours and mistakes stay what they are', () => {
  const ours = new HartonomousError('ERR_NOT_FOUND', { kind: 'model', id: 'x' })
  for (const error of [ours, new TypeError('x'), requestError(102), 'text']) expect(storeErrorOf(error)).toBe(error)
})
