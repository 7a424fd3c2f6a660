import { Link } from '@tanstack/react-router'
import { EmptyNotice } from '../components/notice.tsx'
import { Page } from '../components/page.tsx'

export function NotFound() {
  return (
    <Page title="No such page">
      <EmptyNotice title="Nothing is at this address.">
        <Link to="/" className="text-accent underline">
          The map shows what there is.
        </Link>
      </EmptyNotice>
    </Page>
  )
}
