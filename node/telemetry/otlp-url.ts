/** Where spans go. Source: OpenTelemetry, "OTLP Exporter Configuration" and "Environment Variable Specification". */

/**
 * @param configured base URL of the node's own setting; it goes before the environment.
 * @returns the URL of traces, or undefined where nothing is sent.
 */
export function otlpUrl(configured: string, env: Readonly<Record<string, string | undefined>>): string | undefined {
  if (configured !== '') return tracesUrl(configured)
  if (env['OTEL_SDK_DISABLED']?.toLowerCase() === 'true' || env['OTEL_TRACES_EXPORTER'] === 'none') return undefined
  const own = env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT']
  if (own) return URL.canParse(own) ? own : undefined
  const base = env['OTEL_EXPORTER_OTLP_ENDPOINT']
  return base && URL.canParse(base) ? tracesUrl(base) : undefined
}

function tracesUrl(base: string): string {
  return new URL('v1/traces', base.endsWith('/') ? base : `${base}/`).href
}
