/** Light, dark, or as the system has it. The choice is this browser's. */
import { useSyncExternalStore } from 'react'

const key = 'hartonomous-theme'
export const themes = ['system', 'light', 'dark'] as const
export type Theme = (typeof themes)[number]

let theme: Theme = readTheme()
const listeners = new Set<() => void>()
apply()

function readTheme(): Theme {
  const kept = localStorage.getItem(key)
  return themes.find((each) => each === kept) ?? 'system'
}

function apply(): void {
  if (theme === 'system') document.documentElement.removeAttribute('data-theme')
  else document.documentElement.dataset['theme'] = theme
}

export function setTheme(next: Theme): void {
  theme = next
  localStorage.setItem(key, next)
  apply()
  for (const listener of listeners) listener()
}

export function useTheme(): Theme {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => theme,
  )
}
