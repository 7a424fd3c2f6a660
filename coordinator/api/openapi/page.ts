/** The document as a page for people: plain HTML, made once, without a script. */
import type { OpenApiDocument, Operation } from './document.ts'
import type { JsonSchema } from './schemas.ts'

const style = `
:root { color-scheme: light dark; --ink: #16191d; --soft: #5b6570; --line: #d9dee3; --back: #fff; --code: #f4f6f8; --mark: #0b62d6 }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ec; --soft: #97a1ab; --line: #2c333a; --back: #111417; --code: #1a1f24; --mark: #6db0ff } }
* { box-sizing: border-box }
body { margin: 0; background: var(--back); color: var(--ink); font: 15px/1.55 system-ui, sans-serif; display: grid; grid-template-columns: 17rem minmax(0, 1fr) }
nav { position: sticky; top: 0; height: 100vh; overflow: auto; padding: 1.5rem 1rem; border-right: 1px solid var(--line); font-size: 13px }
nav h2 { margin: 1rem 0 .3rem; font-size: 12px; text-transform: uppercase; color: var(--soft) }
nav a { display: block; padding: .1rem 0; overflow-wrap: anywhere }
main { max-width: 56rem; padding: 2rem 2.5rem 6rem }
a { color: var(--mark); text-decoration: none } a:hover, a:focus-visible { text-decoration: underline }
h1 { margin: 0; font-size: 1.7rem } section { border-top: 1px solid var(--line); margin-top: 2rem; padding-top: 1rem; scroll-margin-top: 1rem }
h3 { font: 600 1rem/1.4 ui-monospace, monospace; margin: 0 0 .4rem; overflow-wrap: anywhere } h4 { margin: 1rem 0 .3rem; font-size: 13px; color: var(--soft) }
pre, code { font: 13px/1.5 ui-monospace, monospace } pre { background: var(--code); padding: .7rem .9rem; border-radius: 6px; overflow: auto; margin: .3rem 0 }
table { border-collapse: collapse; width: 100% } td, th { text-align: left; padding: .25rem .6rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top; font-size: 14px }
.soft { color: var(--soft) } .method { color: var(--mark) } details summary { cursor: pointer; color: var(--soft); font-size: 13px }
@media (max-width: 50rem) { body { display: block } nav { position: static; height: auto; border-right: 0; border-bottom: 1px solid var(--line) } main { padding: 1.2rem } }
`

export function openApiPage(document: OpenApiDocument): string {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  )
  const groups = document.tags.map((tag) => ({
    ...tag,
    operations: operations.filter(({ operation }) => operation.tags.includes(tag.name)),
  }))
  const menu = groups.map(
    ({ name, operations: own }) =>
      `<h2>${text(name)}</h2>${own.map(({ operation }) => `<a href="#${operation.operationId}">${text(operation.operationId)}</a>`).join('')}`,
  )
  const body = groups.flatMap(({ name, description, operations: own }) => [
    `<section><h2 id="tag-${text(name)}">${text(name)}</h2><p class="soft">${text(description)}</p></section>`,
    ...own.map(({ path, method, operation }) => operationHtml(path, method, operation)),
  ])
  const shapes = Object.entries(document.components.schemas).map(
    ([name, schema]) =>
      `<section id="schema-${text(name)}"><h3>${text(name)}</h3>${note(schema)}<pre>${linked(schema)}</pre></section>`,
  )
  const { title, version, summary, description } = document.info
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${text(title)} API</title><style>${style}</style></head>
<body><nav aria-label="Operations"><strong>${text(title)}</strong><div class="soft">${text(version)}</div>${menu.join('')}<h2><a href="#schemas">shapes</a></h2></nav>
<main><h1>${text(title)} API</h1><p>${text(summary)} ${marked(description)}</p>
<p class="soft">The same for programs: <a href="/openapi.json">/openapi.json</a>. For agents: MCP at <code>/mcp</code>, or <code>hart mcp</code>.</p>
${body.join('\n')}
<section><h2 id="schemas">shapes</h2></section>
${shapes.join('\n')}
</main></body></html>
`
}

function operationHtml(path: string, method: string, operation: Operation): string {
  const { operationId, summary, parameters = [], requestBody, responses } = operation
  const faces = [operation['x-hart-command'], operation['x-mcp-tool'] && `MCP tool ${operation['x-mcp-tool']}`]
  const also = faces.filter(Boolean).map((face) => `<code>${text(String(face))}</code>`)
  const rows = parameters.map(
    ({ name, in: where, required, description = '', schema }) =>
      `<tr><td><code>${text(name)}</code></td><td class="soft">${where}${required ? ', required' : ''}</td><td>${marked(description)} <span class="soft">${linked(schema, 0)}</span></td></tr>`,
  )
  const bodies = Object.entries(requestBody?.content ?? {}).map(
    ([type, { schema }]) => `<h4>Body, ${text(type)}</h4><pre>${linked(schema)}</pre>`,
  )
  const answers = Object.entries(responses).map(([status, { description, content = {} }]) => {
    const kinds = Object.entries(content).map(
      ([type, { schema }]) => `<details><summary>${text(type)}</summary><pre>${linked(schema)}</pre></details>`,
    )
    return `<tr><td><code>${status}</code></td><td>${text(description)}${kinds.join('')}</td></tr>`
  })
  return `<section id="${operationId}"><h3><span class="method">${method}</span> <a href="#${operationId}">${text(path)}</a></h3>
<p>${marked(summary)}</p>
<p class="soft">${operation['x-scope'] === undefined ? 'No credentials.' : `Scope <code>${operation['x-scope']}</code>.`}${also.length === 0 ? '' : ` Also ${also.join(', ')}.`}</p>
${rows.length === 0 ? '' : `<table>${rows.join('')}</table>`}${bodies.join('')}
<h4>Example</h4><pre>${text(curlOf(path, method, operation))}</pre>
<h4>Answers</h4><table>${answers.join('')}</table></section>`
}

const exampleRules = '@id("owner-all") permit (principal, action, resource) when { principal.role == Role::"owner" };'

/** Bodies that do something; by operation. */
const bodies: Readonly<Record<string, unknown>> = {
  find: { text: 'kind:ffn layer:3-8' },
  walk: { model: 'MODEL', keys: ['blk.0.ffn'], hops: 2 },
  closure: { model: 'MODEL', keys: ['blk.0.ffn'], scope: 'part' },
  planLoad: { text: 'kind:ffn layer:3', closure: 'part' },
  sql: { sql: 'SELECT kind, count(*) AS n FROM component GROUP BY kind' },
  quoteJob: { work: { kind: 'chat', model: 'MODEL', messages: [{ role: 'user', content: 'Hello' }] } },
  submitJob: { work: { kind: 'chat', model: 'MODEL', messages: [{ role: 'user', content: 'Hello' }] } },
  approveJob: { step: 'review', isApproved: true },
  saveWorkflow: { name: 'NAME', steps: [{ id: 'answer', type: 'prompt', prompt: '{{input.question}}' }] },
  walletSignIn: { message: 'MESSAGE', signature: '0xSIGNATURE' },
  openAiChat: { model: 'MODEL', messages: [{ role: 'user', content: 'Hello' }] },
  openAiCompletion: { model: 'MODEL', prompt: 'Once upon a time' },
  openAiEmbeddings: { model: 'MODEL', input: ['Hello'] },
  createKey: { label: 'laptop', scopes: ['jobs:read', 'jobs:write'] },
  checkConstitution: { text: exampleRules },
  replaceConstitution: { text: exampleRules, previous: '0'.repeat(64) },
  decide: {
    requests: [
      {
        principal: { tenant: 't', role: 'member', scopes: ['query'], method: 'api-key', delegates: [] },
        action: 'query',
        resource: 'models',
      },
    ],
  },
}

export function curlOf(path: string, method: string, { operationId, parameters = [], security }: Operation): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => name.toUpperCase())
  const needed = parameters.filter(({ in: where, required }) => where === 'query' && required)
  const query = needed.map(({ name }) => `${name}=${name.toUpperCase()}`).join('&')
  const body = bodies[operationId]
  const isStream = path.endsWith('/events')
  return [
    `curl ${isStream ? '-N ' : ''}${method === 'GET' ? '' : `-X ${method} `}"$URL${filled}${query === '' ? '' : `?${query}`}"`,
    ...(security.length === 0 ? [] : ['  -H "Authorization: Bearer $TOKEN"']),
    ...(operationId === 'submitJob' ? ['  -H "Idempotency-Key: $(uuidgen)"'] : []),
    ...(body === undefined ? [] : ["  -H 'Content-Type: application/json'", `  -d '${JSON.stringify(body)}'`]),
  ].join(' \\\n')
}

/** JSON of a schema in which references lead to their shapes. */
function linked(schema: JsonSchema, indent = 2): string {
  return text(JSON.stringify(schema, null, indent)).replace(
    /&quot;\$ref&quot;:\s*&quot;#\/components\/schemas\/([\w.]+)&quot;/g,
    '<a href="#schema-$1">$1</a>',
  )
}

function note({ description }: JsonSchema): string {
  return typeof description === 'string' ? `<p class="soft">${marked(description)}</p>` : ''
}

/** `code` in backticks. */
function marked(source: string): string {
  return text(source).replace(/`([^`]+)`/g, '<code>$1</code>')
}

function text(source: string): string {
  return source.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`).replaceAll('&#34;', '&quot;')
}
