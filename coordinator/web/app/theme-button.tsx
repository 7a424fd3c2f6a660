import { Monitor, Moon, Sun } from 'lucide-react'
import { setTheme, themes, useTheme } from './theme.ts'

const icons = { system: Monitor, light: Sun, dark: Moon }

export function ThemeButton() {
  const theme = useTheme()
  const next = themes[(themes.indexOf(theme) + 1) % themes.length]!
  const Icon = icons[theme]
  return (
    <button
      type="button"
      onClick={() => setTheme(next)}
      aria-label={`colours: ${theme}; change to ${next}`}
      title={`colours: ${theme}`}
      className="rounded-md p-1.5 text-muted hover:bg-raised hover:text-ink"
    >
      <Icon className="size-4" />
    </button>
  )
}
