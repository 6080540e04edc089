/**
 * HAProxy with one thread, health checks at their default pace, and its manual's recommendation for dead nodes: a refused
 * connection goes to another node at once. Affinity is by the cookie that it inserts.
 */
import { front } from './front.ts'
import { haproxyConfiguration } from './haproxy-configuration.ts'

await front({
  program: 'haproxy',
  configuration: (environment) => haproxyConfiguration(environment),
  args: (file) => ['-db', '-f', file],
})
