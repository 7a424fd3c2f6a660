import { X } from 'lucide-react'
import { type ReactNode, useEffect, useId, useRef } from 'react'

interface DialogProps {
  title: string
  isOpen: boolean
  onClose: () => void
  children: ReactNode
}

/** Modal, by the browser's own dialog: focus stays within, Escape closes. */
export function Dialog({ title, isOpen, onClose, children }: DialogProps) {
  const id = useId()
  const ref = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    if (isOpen) ref.current?.showModal()
    else ref.current?.close()
  }, [isOpen])
  return (
    <dialog
      ref={ref}
      aria-labelledby={id}
      onClose={onClose}
      className="m-auto w-[min(34rem,calc(100vw-2rem))] rounded-lg border border-line-strong bg-panel p-0 shadow-xl"
    >
      {isOpen && (
        <>
          <header className="flex items-center justify-between border-b border-line px-4 py-2">
            <h2 id={id} className="font-semibold">
              {title}
            </h2>
            <button
              type="button"
              onClick={onClose}
              aria-label="close"
              className="rounded p-1 text-muted hover:text-ink"
            >
              <X className="size-4" />
            </button>
          </header>
          <div className="p-4">{children}</div>
        </>
      )}
    </dialog>
  )
}
