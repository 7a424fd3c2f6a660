import { type ReactNode, useId, useRef } from 'react'

/** From the edges of the window, in px. */
const marginPx = 8
const widthPx = 288

interface TipProps {
  /** What it explains; read out with the thing it stands at. */
  text: ReactNode
  /** Without children it is a small question mark. */
  children?: ReactNode
  /** Of the question mark: `How nodes are counted`. */
  label?: string
}

/** An explanation on hover, focus and touch. It lies above everything and closes by Escape. */
export function Tip({ text, children, label = 'What this means' }: TipProps) {
  const id = useId()
  const anchor = useRef<HTMLButtonElement>(null)
  const bubble = useRef<HTMLSpanElement>(null)
  const show = () => {
    const [at, tip] = [anchor.current, bubble.current]
    if (at === null || tip === null) return
    tip.showPopover()
    const box = at.getBoundingClientRect()
    const left = Math.min(Math.max(box.left, marginPx), innerWidth - Math.min(widthPx, innerWidth) - marginPx)
    const below = box.bottom + tip.offsetHeight + 2 * marginPx < innerHeight
    tip.style.left = `${Math.max(marginPx, left)}px`
    tip.style.top = `${below ? box.bottom + marginPx / 2 : box.top - tip.offsetHeight - marginPx / 2}px`
  }
  const hide = () => bubble.current?.hidePopover()
  return (
    <>
      <button
        ref={anchor}
        type="button"
        {...(children === undefined ? { 'aria-label': label } : {})}
        aria-describedby={id}
        // A finger has no hover: browsers make one up at a tap, and end it at once.
        onPointerEnter={({ pointerType }) => pointerType === 'mouse' && show()}
        onPointerLeave={({ pointerType }) => pointerType === 'mouse' && hide()}
        onFocus={show}
        onBlur={hide}
        onClick={show}
        onKeyDown={(event) => event.key === 'Escape' && hide()}
        className={
          children === undefined
            ? 'relative inline-grid size-4 place-items-center before:absolute before:-inset-1.5 rounded-full border border-line-strong text-[10px] leading-none text-muted'
            : 'rounded text-left'
        }
      >
        {children ?? '?'}
      </button>
      <span
        ref={bubble}
        id={id}
        role="tooltip"
        popover="manual"
        className="fixed m-0 max-w-72 rounded-md border border-line-strong bg-panel px-2.5 py-1.5 text-left text-[13px] font-normal text-ink shadow-lg"
      >
        {text}
      </span>
    </>
  )
}
