/** The native part of WebRTC is there for some platforms only, and costs memory: it is loaded where it is asked for. */

/** `undefined` where this platform has no native part. */
export async function loadWebRtc(): Promise<typeof import('@libp2p/webrtc') | undefined> {
  return import('@libp2p/webrtc').catch(() => undefined)
}
