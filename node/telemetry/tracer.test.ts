import { execFile } from 'node:child_process'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { createLog } from '../log/index.ts'
import { noTracer, openTracer } from './tracer.ts'

const parent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
const log = createLog({ level: 'error', format: 'pretty', write: () => undefined })
/** Nobody listens there: the discard port. */
const options = { url: 'http://127.0.0.1:9/v1/traces', service: 'test', instance: 'one', version: '1', log }

test('a tracer that is off hands on the parent, passes results and errors through, and records nothing', async () => {
  expect(await openTracer({ ...options, url: undefined })).toBe(noTracer)
  expect(noTracer.start('a', { parent }).traceparent).toBe(parent)
  expect(noTracer.start('a').traceparent).toBeUndefined()
  expect(noTracer.start('a', { parent: 'not one' }).traceparent).toBeUndefined()
  expect(await noTracer.span('a', { parent }, async (span) => span.traceparent)).toBe(parent)
  const failing = noTracer.span('a', {}, () => Promise.reject(new Error('broken')))
  await expect(failing).rejects.toThrow('broken')
})

test('a span continues the trace of its parent, sampled or not, and begins one where the parent is none', async () => {
  const tracer = await openTracer(options)
  const idsOf = (traceparent: string | undefined) => tracer.start('a', { parent: traceparent }).traceparent!.split('-')
  expect(idsOf(parent)).toEqual([
    '00',
    '0af7651916cd43dd8448eb211c80319c',
    expect.stringMatching(/^[0-9a-f]{16}$/),
    '01',
  ])
  expect(idsOf(parent)[2]).not.toBe('b7ad6b7169203331')
  expect(idsOf(parent.replace(/01$/, '00'))[3]).toBe('00')
  for (const none of [undefined, 'x', parent.replace(/^00-\w{32}/, `00-${'0'.repeat(32)}`)]) {
    const [, traceId, , flags] = idsOf(none)
    expect([traceId === '0af7651916cd43dd8448eb211c80319c', traceId === '0'.repeat(32), flags]).toEqual([
      false,
      false,
      '01',
    ])
  }
  const failing = tracer.span('a', { parent }, () => Promise.reject(new Error('broken')))
  await expect(failing).rejects.toThrow('broken')
  await tracer.close()
})

test('a collector that hangs holds up neither work nor the end, however many spans there are', async () => {
  const open = new Set<Socket>()
  const hanging = createServer((socket) => open.add(socket.on('error', () => undefined)))
  await new Promise<void>((resolve) => hanging.listen(0, '127.0.0.1', resolve))
  const { port } = hanging.address() as AddressInfo
  const tracer = await openTracer({ ...options, url: `http://127.0.0.1:${port}/v1/traces` })
  let done = 0
  for (let at = 0; at < 5000; at++) await tracer.span('a', { parent }, async () => done++)
  expect(done).toBe(5000)
  await expect.poll(() => open.size).toBeGreaterThan(0)
  await tracer.close()
  for (const socket of open) socket.destroy()
  hanging.close()
})

test('without a collector nothing of the SDK is loaded', async () => {
  const script = `
    import { registerHooks } from 'node:module'
    const loaded = []
    registerHooks({ resolve(specifier, context, next) {
      if (specifier.startsWith('@opentelemetry')) loaded.push(specifier)
      return next(specifier, context)
    } })
    const { openTracer } = await import(${JSON.stringify(new URL('./index.ts', import.meta.url).href)})
    const log = { info() {}, warn() {} }
    await openTracer({ url: undefined, service: 's', instance: 'i', version: '1', log })
    const without = loaded.length
    const tracer = await openTracer({ url: 'http://127.0.0.1:9/v1/traces', service: 's', instance: 'i', version: '1', log })
    console.log(JSON.stringify({ without, isSeen: loaded.length > 0, isOn: tracer.isOn }))
  `
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script])
  expect(JSON.parse(stdout)).toEqual({ without: 0, isSeen: true, isOn: true })
})
