import { expect, test } from 'vitest'
import { otlpUrl } from './otlp-url.ts'

const base = 'http://collector:4318'
test.each<[string, string, Record<string, string>, string | undefined]>([
  ['nothing is set', '', {}, undefined],
  ['the setting names a base', base, {}, `${base}/v1/traces`],
  ['the base has a path', `${base}/otlp/`, {}, `${base}/otlp/v1/traces`],
  [
    'the setting goes before the environment',
    base,
    { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://other' },
    `${base}/v1/traces`,
  ],
  ['the environment names a base', '', { OTEL_EXPORTER_OTLP_ENDPOINT: base }, `${base}/v1/traces`],
  [
    'it names one for traces, which is taken as it is',
    '',
    { OTEL_EXPORTER_OTLP_ENDPOINT: base, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://t/x' },
    'http://t/x',
  ],
  ['the environment is empty', '', { OTEL_EXPORTER_OTLP_ENDPOINT: '' }, undefined],
  ['it is no URL', '', { OTEL_EXPORTER_OTLP_ENDPOINT: 'collector' }, undefined],
  ['the SDK is disabled', '', { OTEL_EXPORTER_OTLP_ENDPOINT: base, OTEL_SDK_DISABLED: 'true' }, undefined],
  ['traces are not exported', '', { OTEL_EXPORTER_OTLP_ENDPOINT: base, OTEL_TRACES_EXPORTER: 'none' }, undefined],
])('traces go where they should: %s', (_, configured, env, url) => {
  expect(otlpUrl(configured, env)).toBe(url)
})
