import type { ButtonHTMLAttributes } from 'react'

export interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  tone?: 'primary' | 'plain' | 'danger' | 'quiet'
  /** Its work is under way: it cannot be pressed again, and says so to screen readers. */
  isBusy?: boolean
}

const tones = {
  primary: 'bg-accent text-accent-ink border-transparent hover:opacity-90',
  plain: 'bg-panel text-ink border-line-strong hover:bg-raised',
  danger: 'bg-panel text-danger border-danger hover:bg-danger-soft',
  quiet: 'bg-transparent text-muted border-transparent hover:bg-raised hover:text-ink',
}

export function Button({ tone = 'plain', isBusy = false, className = '', disabled, children, ...rest }: ButtonProps) {
  return (
    <button
      type="button"
      aria-busy={isBusy}
      disabled={disabled || isBusy}
      className={`inline-flex min-h-8 items-center justify-center gap-1.5 rounded-md border px-3 py-1 font-medium whitespace-nowrap disabled:cursor-not-allowed disabled:opacity-55 ${tones[tone]} ${className}`}
      {...rest}
    >
      {children}
    </button>
  )
}
