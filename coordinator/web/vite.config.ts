/** How the pages are bundled. `npm run build:web`, and the bootstrap, call it. */
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import tailwind from '@tailwindcss/vite'
import { defineConfig, type Plugin } from 'vite'
import { routeNames, shapeOf } from '#protocol/api/routes/index.ts'

const root = fileURLToPath(new URL('.', import.meta.url))

export default defineConfig({
  root,
  // Errors of protocol speak of Node's own modules where those are there; a browser has none.
  define: { 'process.env.NODE_ENV': JSON.stringify('production') },
  plugins: [leanRoutes(), ownMini(), tailwind(), compressed()],
  build: {
    target: 'es2024',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: {
      // `use client` means nothing where everything is.
      onLog: (level, log, tell) => {
        if (log.code !== 'MODULE_LEVEL_DIRECTIVE') tell(level, log)
      },
      output: {
        // A few chunks compress better than forty, and are fewer requests.
        codeSplitting: {
          groups: [
            { name: 'vendor', test: /node_modules[\\/](react|react-dom|scheduler|@tanstack)[\\/]/ },
            { name: 'shell', test: /web[\\/][\w-]+[\\/](search|router)\.tsx?$|zod.*mini$/ },
            {
              name: 'shared',
              test: /web[\\/](app|components|models)[\\/]|lucide-react|protocol[\\/]|web[\\/]jobs[\\/]job-state/,
              minShareCount: 3,
            },
          ],
        },
      },
      input: { index: `${root}index.html`, 'my-node': `${root}my-node.html` },
    },
  },
})

/**
 * The client needs of each route where it is; its schemas, and with them zod, are 40 kB (gzip) that only a server uses. The
 * types come from the real table in any case.
 */
function leanRoutes(): Plugin {
  const id = '\0lean-routes'
  return {
    name: 'lean-routes',
    enforce: 'pre',
    resolveId: (source, importer) =>
      source === './routes/index.ts' && importer?.endsWith('/protocol/api/client.ts') ? id : undefined,
    load(requested) {
      if (requested !== id) return undefined
      const table = Object.fromEntries(
        routeNames.map((name) => {
          const { method, path } = shapeOf(name)
          return [name, { method, path }]
        }),
      )
      return `const table = ${JSON.stringify(table)}\nexport const shapeOf = (name) => table[name]`
    },
  }
}

/**
 * Every page checks its address with `zod/mini`; the designer loads the whole of zod. A chunk that both share would hold all
 * that either of them uses, and be part of the first load: 11 kB (gzip) more. So `zod/mini` is a module graph of its own.
 */
function ownMini(): Plugin {
  const mark = '?mini'
  return {
    name: 'own-mini',
    enforce: 'pre',
    async resolveId(source, importer) {
      const isWithin = importer?.endsWith(mark) === true && source.startsWith('.')
      if (source !== 'zod/mini' && !isWithin) return undefined
      const resolved = await this.resolve(source, importer?.replace(mark, ''), { skipSelf: true })
      return resolved === null ? undefined : `${resolved.id}${mark}`
    },
  }
}

/** Beside each asset its compressed forms, made once here instead of at each request. */
function compressed(): Plugin {
  return {
    name: 'compressed',
    apply: 'build',
    enforce: 'post',
    generateBundle: {
      order: 'post',
      handler(_options, bundle) {
        for (const [fileName, item] of Object.entries(bundle)) {
          if (!/\.(js|css|json|svg)$/.test(fileName)) continue
          const bytes = Buffer.from(item.type === 'chunk' ? item.code : item.source)
          const brotli = { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } }
          this.emitFile({ type: 'asset', fileName: `${fileName}.gz`, source: gzipSync(bytes, { level: 9 }) })
          this.emitFile({ type: 'asset', fileName: `${fileName}.br`, source: brotliCompressSync(bytes, brotli) })
        }
      },
    },
  }
}
