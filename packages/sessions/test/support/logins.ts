/** Attempts to log in, as the throttle sees them. */
import { type LoginThrottle, LoginThrottledError } from '../../src/protection/login-throttle.ts'

/** How long the attempt was told to wait, in seconds; 0 when it was let in. */
export async function waitS(
  throttle: LoginThrottle,
  account: string,
  address: string,
  device?: string,
): Promise<number> {
  try {
    await throttle.check(account, address, device)
    return 0
  } catch (error) {
    if (!(error instanceof LoginThrottledError)) throw error
    return Number(error.headers['Retry-After'])
  }
}

/** Another address for each attempt, as an attacker with a thousand machines has. */
export function somewhere(number: number): string {
  return `198.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`
}
