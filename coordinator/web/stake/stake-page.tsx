import { Page } from '../components/page.tsx'

export function StakePage() {
  return <Page title="Stake">…</Page>
}
