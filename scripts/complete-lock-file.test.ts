import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { completeLockFile, missingOptionalPackages, tarballAddress } from './complete-lock-file.ts'

test('lock file: names every optional package of every platform, and where each tarball is', () => {
  expect(completeLockFile(fileURLToPath(new URL('..', import.meta.url)), { check: true })).toEqual([])
})

test('lock file: completes what npm left out, at the place where npm would look for it', () => {
  const packages = {
    '': {},
    'node_modules/hash': {
      version: '2.0.0',
      optionalDependencies: { '@hash/linux-arm64-musl': '2.0.0', '@hash/cuda': '2.0.0' },
    },
    'node_modules/top/node_modules/hash': { version: '1.0.0', optionalDependencies: { '@hash/win-x64': '1.0.0' } },
  }
  expect(missingOptionalPackages(packages, new Set(['@hash/cuda']))).toEqual([
    {
      location: 'node_modules/@hash/linux-arm64-musl',
      entry: { version: '2.0.0', optional: true, os: ['linux'], cpu: ['arm64'], libc: ['musl'] },
    },
    {
      location: 'node_modules/top/node_modules/@hash/win-x64',
      entry: { version: '1.0.0', optional: true, os: ['win32'], cpu: ['x64'] },
    },
  ])
})

test('lock file: knows the address of a scoped, nested or renamed package', () => {
  const version = '1.2.3'
  expect(tarballAddress('node_modules/a/node_modules/@b/c', { version })).toBe(
    'https://registry.npmjs.org/@b/c/-/c-1.2.3.tgz',
  )
  expect(tarballAddress('node_modules/a', { name: 'x', version })).toBe('https://registry.npmjs.org/x/-/x-1.2.3.tgz')
  expect(tarballAddress('node_modules/a', { link: true })).toBeUndefined()
})
