import { type ReactNode, useEffect } from 'react'

/** The frame of every page: its heading, its name in the window's title, and a place for what stands beside. */
export function Page({
  title,
  aside,
  isTitleHidden = false,
  children,
}: {
  title: string
  aside?: ReactNode
  isTitleHidden?: boolean
  children: ReactNode
}) {
  useEffect(() => {
    document.title = `${title} · Hartonomous`
  }, [title])
  return (
    <div className="mx-auto grid w-full max-w-[1600px] grid-cols-[minmax(0,1fr)] gap-3 p-3">
      <header className={isTitleHidden ? 'sr-only' : 'flex flex-wrap items-center justify-between gap-3'}>
        <h1 className="text-lg font-semibold break-words">{title}</h1>
        {aside}
      </header>
      {children}
    </div>
  )
}
