/** Loaded into a node before its program: NODES_HOST resolves to the addresses that stand in NODES_FILE at that moment, one a line. */
import { readFile } from 'node:fs/promises'
import dns from 'node:dns/promises'
import { syncBuiltinESMExports } from 'node:module'

const { NODES_HOST, NODES_FILE = '' } = process.env
const { lookup } = dns

async function fromFile(host: string, options: object): Promise<unknown> {
  if (host !== NODES_HOST) return await lookup(host, options)
  const lines = (await readFile(NODES_FILE, 'utf8')).split('\n')
  return lines.filter((line) => line !== '').map((address) => ({ address, family: 4 }))
}

Object.assign(dns, { lookup: fromFile })
syncBuiltinESMExports()
