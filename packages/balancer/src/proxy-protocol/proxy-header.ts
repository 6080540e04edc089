/** What the first bytes of a connection say in the PROXY protocol, of either version. */
export type ProxyHeader =
  | { readonly state: 'incomplete' }
  | { readonly state: 'malformed' }
  /** `address`: the client's; undefined where the proxy does not know it, or speaks for itself. */
  | { readonly state: 'complete'; readonly bytes: number; readonly address: string | undefined }

export const INCOMPLETE: ProxyHeader = { state: 'incomplete' }
export const MALFORMED: ProxyHeader = { state: 'malformed' }
export const COMPLETE_WITHOUT_ADDRESS = { state: 'complete', address: undefined } as const
