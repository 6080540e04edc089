import type { IncomingMessage, ServerResponse } from 'node:http'
import { ApiError } from '../errors.ts'

const BODY_BYTES_MAX = 16 * 1024

/** Rejects with 413 for a body that is too large, 400 if it is not JSON, 422 if it is not an object. */
export async function readJsonObject(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > BODY_BYTES_MAX) throw new ApiError(413, 'BODY_TOO_LARGE', `a body has at most ${BODY_BYTES_MAX} bytes`)
    chunks.push(chunk)
  }
  let value: unknown
  try {
    value = JSON.parse(Buffer.concat(chunks).toString('utf8'))
  } catch {
    throw new ApiError(400, 'NOT_JSON', 'the body is not JSON')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ApiError(422, 'WRONG_SHAPE', 'the body must be a JSON object')
  }
  return value as Record<string, unknown>
}

export function sendJson(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'Content-Type': 'application/json; charset=utf-8' }).end(`${JSON.stringify(value)}\n`)
}
