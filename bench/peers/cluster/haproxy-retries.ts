/** HAProxy as in haproxy.ts, and with the setting that retries whatever fails, which many guides to high availability recommend. */
import { front } from './front.ts'
import { haproxyConfiguration } from './haproxy-configuration.ts'

await front({
  program: 'haproxy',
  configuration: (environment) => haproxyConfiguration(environment, 'retry-on all-retryable-errors'),
  args: (file) => ['-db', '-f', file],
})
