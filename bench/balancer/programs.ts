/** nginx and HAProxy as Debian has them, one worker or thread each, set up as their manuals say for nodes that are alike. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startChild } from '../harness/children.ts'
import { freePort } from '../harness/free-port.ts'

export interface Running {
  readonly port: number
  /** All processes whose time it takes. */
  readonly pids: readonly number[]
  stop(): void
}

export interface Program {
  /** Undefined when it is not on the PATH. */
  readonly version: string | undefined
  start(nodePorts: readonly number[]): Promise<Running>
}

const START_DEADLINE_MS = 10_000

const VERSIONS = { nginx: /nginx\/(\S+)/, haproxy: /version (\S+)/ } as const

export type ProgramName = keyof typeof VERSIONS

export function nginx(): Program {
  return {
    version: versionOf('nginx'),
    start: (nodes) =>
      started('nginx.conf', nginxConfiguration, nodes, (file, directory) => [
        'nginx',
        ['-c', file, '-p', directory, '-g', 'daemon off;'],
      ]),
  }
}

export function haproxy(): Program {
  return {
    version: versionOf('haproxy'),
    start: (nodes) => started('haproxy.cfg', haproxyConfiguration, nodes, (file) => ['haproxy', ['-db', '-f', file]]),
  }
}

async function started(
  fileName: string,
  configuration: (port: number, nodes: readonly number[], directory: string) => string,
  nodes: readonly number[],
  command: (file: string, directory: string) => [program: string, args: string[]],
): Promise<Running> {
  const port = await freePort()
  const directory = mkdtempSync(join(tmpdir(), 'ninelives-bench-'))
  const file = join(directory, fileName)
  writeFileSync(file, configuration(port, nodes, directory))
  const [program, args] = command(file, directory)
  const child = startChild(program, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  const stop = (): void => {
    child.kill('SIGKILL')
    for (const pid of childrenOf(child.pid ?? 0)) process.kill(pid, 'SIGKILL')
    rmSync(directory, { recursive: true, force: true })
  }
  try {
    await listening(program, port)
  } catch (error) {
    stop()
    throw error
  }
  const pid = child.pid ?? 0
  return { port, pids: [pid, ...childrenOf(pid)], stop }
}

function nginxConfiguration(port: number, nodes: readonly number[], directory: string): string {
  return `
worker_processes 1;
pid ${directory}/pid;
error_log ${directory}/error.log;
events { worker_connections 1024; }
http {
  access_log off;
  keepalive_timeout 600s;
  keepalive_requests 100000000;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((each) => `${each}_temp_path ${directory}/${each};`).join('\n  ')}
  upstream nodes {
    ${nodes.map((node) => `server 127.0.0.1:${node};`).join('\n    ')}
    keepalive 64;
    keepalive_requests 100000000;
  }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://nodes;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    }
  }
}
`
}

function haproxyConfiguration(port: number, nodes: readonly number[]): string {
  return `
global
  nbthread 1
defaults
  mode http
  timeout connect 1s
  timeout client 600s
  timeout server 600s
  timeout http-keep-alive 600s
  option forwardfor
frontend front
  bind 127.0.0.1:${port}
  default_backend nodes
backend nodes
  balance roundrobin
  http-reuse always
  ${nodes.map((node, index) => `server node-${index} 127.0.0.1:${node}`).join('\n  ')}
`
}

/** Undefined when it is not on the PATH. */
export function versionOf(program: ProgramName): string | undefined {
  const { status, stdout, stderr } = spawnSync(program, ['-v'], { encoding: 'utf8' })
  return status === 0 ? VERSIONS[program].exec(`${stdout}${stderr}`)?.[1] : undefined
}

function childrenOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    return text.split(' ').filter(Boolean).map(Number)
  } catch {
    // It has ended, and they with it.
    return []
  }
}

async function listening(program: string, port: number): Promise<void> {
  const deadlineAtMs = performance.now() + START_DEADLINE_MS
  while (!(await accepts(port))) {
    if (performance.now() > deadlineAtMs) throw new Error(`${program} did not listen on ${port}`)
    await sleep(20)
  }
}

function accepts(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const socket = createConnection(port, '127.0.0.1')
  socket.on('connect', () => {
    socket.destroy()
    resolve(true)
  })
  socket.on('error', () => resolve(false))
  return promise
}
