/**
 * Data offer: how two peers that know each other through libp2p open a TLS data connection. The noise-authenticated
 * stream carries the certificate's hash and a one-time token, so that the TLS peer is the libp2p peer.
 */
export interface DataEndpoint {
  /** IP addresses to try in order; the asker adds the address by which it sees the peer where this is empty. At most 8. */
  hosts: string[]
  port: number
  /** SHA-256 of the DER certificate, 32 bytes. */
  certificateSha256: Uint8Array
  /** 32 random bytes, good for one connection within `offerTokenTtlMs`. */
  token: Uint8Array
}

export interface DataOfferRequest {
  /**
   * `listen`: tell me your endpoint, I dial (usual: the downloader dials, because only a dialled socket takes `onread`).
   * `dial`: dial mine and serve over that connection (you are behind NAT, I am not).
   */
  direction: 'listen' | 'dial'
  /** SHA-256 of the asker's certificate, 32 bytes: the answering side accepts that one only. */
  certificateSha256: Uint8Array
  /** The asker's endpoint, for `dial`. */
  endpoint?: DataEndpoint
}

export type DataOfferResponse =
  | { type: 'offer'; endpoint: DataEndpoint }
  /** It dials now, and will present this certificate. */
  | { type: 'dialling'; certificateSha256: Uint8Array }
  | { type: 'refused'; reason: 'busy' | 'no-data-plane' | 'unreachable' | 'policy'; retryAfterMs: number }
