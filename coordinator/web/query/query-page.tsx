import { Page } from '../components/page.tsx'

export function QueryPage() {
  return <Page title="Query">…</Page>
}
