import { expect, test } from 'vitest'
import { huggingFaceUrl } from './hugging-face.ts'

test('hugging face: a reference becomes the address of the file', () => {
  expect(huggingFaceUrl('hf:Org/Repo-1.5/model.Q4_K_M.gguf')).toBe(
    'https://huggingface.co/Org/Repo-1.5/resolve/main/model.Q4_K_M.gguf',
  )
  expect(huggingFaceUrl('hf:a/b@refs-1/sub dir/größe.gguf', 'http://127.0.0.1:8080/')).toBe(
    'http://127.0.0.1:8080/a/b/resolve/refs-1/sub%20dir/gr%C3%B6%C3%9Fe.gguf',
  )
})

test('hugging face: what leads elsewhere is refused', () => {
  const bad = [
    'hf:',
    'hf:a/b',
    'hf:a/b/',
    'hf:a/b/../c',
    'hf:../b/c',
    'hf:a/../c',
    'hf:a/b/c?x=1',
    'hf:a/b/c#x',
    'hf:a/b/c\\d',
    'hf:a/b/c\u0000d',
    'hf:a b/c/d',
    'hf:a/b@../c/d',
    `hf:a/b/${'x/'.repeat(20)}y`,
    'https://huggingface.co/a/b/c',
  ]
  for (const reference of bad) {
    expect(() => huggingFaceUrl(reference), reference).toThrow(expect.objectContaining({ code: 'ERR_USAGE' }))
  }
})
