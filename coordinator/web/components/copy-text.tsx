import { Check, Copy } from 'lucide-react'
import { useState } from 'react'

const shownMs = 1500

/** An id or a command that people take elsewhere: shown short, copied whole. */
export function CopyText({ text, shown = text, label }: { text: string; shown?: string; label: string }) {
  const [isCopied, setCopied] = useState(false)
  const copy = async () => {
    await navigator.clipboard.writeText(text)
    setCopied(true)
    setTimeout(() => setCopied(false), shownMs)
  }
  return (
    <span className="inline-flex max-w-full items-center gap-1 font-mono text-[13px]">
      <span className="truncate" title={text}>
        {shown}
      </span>
      <button
        type="button"
        onClick={copy}
        aria-label={isCopied ? 'copied' : `copy ${label}`}
        className="rounded p-0.5 text-muted hover:text-ink"
      >
        {isCopied ? <Check className="size-3.5" /> : <Copy className="size-3.5" />}
      </button>
    </span>
  )
}
