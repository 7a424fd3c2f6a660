import { type FormEvent, useEffect, useState } from 'react'
import type { ChainStateView } from '#protocol/api/chain.ts'
import { Button } from '../components/button.tsx'
import { CopyText } from '../components/copy-text.tsx'
import { Field } from '../components/field.tsx'
import { shortId } from '../lib/format.ts'
import { type Told, tellFailure } from './failure.ts'
import { type ConnectedWallet, disconnectWallet, refreshChain } from './wallet.ts'
import { WalletIcon } from './wallet-picker.tsx'

interface AccountBarProps {
  /** Whose position is shown. */
  address: string | undefined
  wallet: ConnectedWallet | undefined
  chain: ChainStateView
  onAddress: (address: string | undefined) => void
  onConnect: () => void
}

/** Whose position, and the wallet where there is one. */
export function AccountBar({ address, wallet, chain, onAddress, onConnect }: AccountBarProps) {
  const [text, setText] = useState(address ?? '')
  const [problem, setProblem] = useState<string>()
  useEffect(() => {
    setText(address ?? '')
    setProblem(undefined)
  }, [address])
  const look = async (event: FormEvent) => {
    event.preventDefault()
    const wanted = text.trim()
    if (wanted === '') return onAddress(undefined)
    const { checksumAddress } = await import('../lib/chain.ts')
    const found = checksumAddress(wanted)
    if (found === undefined)
      return setProblem(
        /^0x[0-9a-fA-F]{40}$/.test(wanted)
          ? 'Its checksum does not fit: a character was mistyped.'
          : 'An address is 0x and 40 hexadecimal digits.',
      )
    setProblem(undefined)
    onAddress(found)
  }
  return (
    <div className="flex flex-wrap items-start justify-between gap-x-6 gap-y-3">
      <form onSubmit={(event) => void look(event)} className="flex w-full max-w-xl items-start gap-2">
        <Field
          className="min-w-0 flex-1"
          label="Account"
          value={text}
          onChange={(event) => setText(event.target.value)}
          placeholder="0x… any address; nothing is signed to look"
          autoComplete="off"
          spellCheck={false}
          problem={problem}
        />
        <Button type="submit" className="mt-6">
          Look
        </Button>
      </form>
      {wallet === undefined ? (
        <Button tone="primary" className="sm:mt-6" onClick={onConnect}>
          Connect a wallet
        </Button>
      ) : (
        <WalletChip wallet={wallet} address={address} chain={chain} onAddress={onAddress} />
      )}
    </div>
  )
}

function WalletChip({
  wallet,
  address,
  chain,
  onAddress,
}: Pick<AccountBarProps, 'address' | 'chain' | 'onAddress'> & { wallet: ConnectedWallet }) {
  const isShown = address?.toLowerCase() === wallet.account
  return (
    <section aria-label="Wallet" className="grid gap-1">
      <div className="flex flex-wrap items-center gap-2">
        <WalletIcon detail={wallet.detail} />
        <span>{wallet.detail.name}</span>
        <CopyText text={wallet.account} shown={shortId(wallet.account)} label="the account" />
        {!isShown && <Button onClick={() => onAddress(undefined)}>Show mine</Button>}
        <Button tone="quiet" onClick={disconnectWallet}>
          Disconnect
        </Button>
      </div>
      {wallet.chainId !== chain.chainId && <WrongChain wallet={wallet} chain={chain} />}
    </section>
  )
}

function WrongChain({ wallet, chain }: { wallet: ConnectedWallet; chain: ChainStateView }) {
  const [isAsking, setAsking] = useState(false)
  const [told, setTold] = useState<Told>()
  const change = async () => {
    setAsking(true)
    setTold(undefined)
    const { switchChain } = await import('../lib/chain.ts')
    const failure = await switchChain(wallet.detail.provider, chain)
    await refreshChain().catch(() => undefined)
    setAsking(false)
    if (failure?.kind === 'unknown-chain')
      setTold({
        text: `The wallet does not know chain ${chain.chainId}, and this coordinator publishes no address of it.`,
        remedy: 'Add the network in the wallet; the operator of this coordinator knows its RPC address.',
      })
    else if (failure !== undefined && failure.kind !== 'rejected') setTold(tellFailure(failure))
  }
  return (
    <div role="alert" className="flex flex-wrap items-center gap-2 rounded-md bg-warn-soft px-3 py-2">
      <span>
        The wallet is on chain {wallet.chainId}; these contracts are on chain {chain.chainId}.
      </span>
      <Button isBusy={isAsking} onClick={() => void change()}>
        {isAsking ? 'Answer in the wallet' : 'Switch network'}
      </Button>
      {told !== undefined && (
        <p className="w-full text-[13px]">
          {told.text} {told.remedy}
        </p>
      )}
    </div>
  )
}
