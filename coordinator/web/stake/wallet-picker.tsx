import { useState } from 'react'
import { Button } from '../components/button.tsx'
import { Dialog } from '../components/dialog.tsx'
import { EmptyNotice } from '../components/notice.tsx'
import { tellFailure } from './failure.ts'
import { connectWallet, useWallets, type WalletDetail } from './wallet.ts'

/** Which of the wallets in this browser. */
export function WalletPicker({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }) {
  return (
    <Dialog title="Connect a wallet" isOpen={isOpen} onClose={onClose}>
      <WalletList onConnected={onClose} />
      <p className="mt-4 text-[13px] text-muted">
        Connecting shows this page the address of your account, and nothing else. Each signature and each transaction is
        asked for by itself, in the wallet.
      </p>
    </Dialog>
  )
}

export function WalletList({ onConnected }: { onConnected: (detail: WalletDetail) => void }) {
  const { found } = useWallets()
  const [asked, setAsked] = useState<string>()
  const [problem, setProblem] = useState<string>()
  const connect = async (detail: WalletDetail) => {
    setAsked(detail.uuid)
    setProblem(undefined)
    try {
      await connectWallet(detail)
      onConnected(detail)
    } catch (error) {
      const failure = (await import('../lib/chain.ts')).failureOf(error)
      const { text, remedy } = tellFailure(failure)
      // Who rejected it knows that.
      if (failure.kind !== 'rejected') setProblem(`${text} ${remedy}`)
    } finally {
      setAsked(undefined)
    }
  }
  if (found.length === 0)
    return (
      <EmptyNotice title="No wallet was found in this browser.">
        Install one that speaks EIP-6963, such as MetaMask or Rabby, and load this page again. To look at a position no
        wallet is needed: enter its address.
      </EmptyNotice>
    )
  return (
    <>
      <ul className="grid gap-2">
        {found.map((detail) => (
          <li key={detail.uuid}>
            <Button
              className="w-full !justify-start !py-2"
              isBusy={asked === detail.uuid}
              disabled={asked !== undefined}
              onClick={() => void connect(detail)}
            >
              <WalletIcon detail={detail} />
              {detail.name}
              <span className="ml-auto font-normal text-muted">
                {asked === detail.uuid ? 'answer in the wallet' : detail.rdns}
              </span>
            </Button>
          </li>
        ))}
      </ul>
      {problem !== undefined && (
        <p role="alert" className="mt-3 text-danger">
          {problem}
        </p>
      )}
    </>
  )
}

/** As an image and in no other way: what a stranger drew runs nothing there. */
export function WalletIcon({ detail }: { detail: WalletDetail }) {
  if (detail.icon === '') return <span aria-hidden="true" className="size-5 rounded bg-raised" />
  return <img src={detail.icon} alt="" className="size-5 rounded" />
}
