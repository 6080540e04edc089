/** The name in a `Host` field: in lower case, without port, brackets of IPv6 and the dot of the root. */
export function nameOf(host: string): string {
  const name = host.toLowerCase().replace(/:\d*$/, '')
  return name.startsWith('[') ? name.slice(1, -1) : name.replace(/\.$/, '')
}
