/** Why it happened: the message of what it wraps, such as the server's, where it wraps something. */
export function reasonOf({ message, cause }: Error): string {
  return cause instanceof Error ? cause.message : message
}
