import { type InputHTMLAttributes, useEffect, useRef, useState } from 'react'
import { inputClass } from './field.tsx'

interface SearchInputProps extends Omit<InputHTMLAttributes<HTMLInputElement>, 'value' | 'onChange'> {
  /** As the address has it; undefined is empty. */
  value: string | undefined
  onChange: (value: string | undefined) => void
}

/** A filter whose text the address keeps. The address follows a moment later: what is being typed is kept here. */
export function SearchInput({ value = '', onChange, className = '', ...rest }: SearchInputProps) {
  const input = useRef<HTMLInputElement>(null)
  const [text, setText] = useState(value)
  useEffect(() => {
    if (document.activeElement !== input.current) setText(value)
  }, [value])
  return (
    <input
      ref={input}
      type="search"
      value={text}
      onChange={({ target }) => {
        setText(target.value)
        onChange(target.value === '' ? undefined : target.value)
      }}
      className={`${inputClass} ${className}`}
      {...rest}
    />
  )
}
