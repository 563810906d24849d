#!/usr/bin/env node
// SPDX-License-Identifier: PostgreSQL
//
// A merchant's webhook endpoint, honest or not: verifies Standard Webhooks signatures by itself
// and writes every request as one line of JSON.  Prints "Listening on 127.0.0.1:PORT" when ready.
//
//   receiver.mjs --secret whsec_… [--port N] [--log FILE]
//
//   POST /__mode     {"mode": …}; see MODES below
//   POST /__secret   {"secret"}: the secret from now on (an array while one rotates)
//   GET  /__received every request: [{id, timestamp, valid, status, type, body, headers, at}]
//   GET  /__ids      the distinct ids of the valid ones that were acknowledged
//   DELETE /__received  forgets them
import { createHmac, timingSafeEqual } from 'node:crypto'
import { appendFileSync } from 'node:fs'
import { listen, options, readBody, reply } from './server.mjs'

const TOLERANCE_SECONDS = 300
const { secret = '', port = 0, log } = options()
const state = { secrets: [secret].filter(Boolean), mode: { mode: 'ok' }, received: [], failures: 0 }

// How the endpoint answers; each returns the status it gave, or 0 when it gave none.
const MODES = {
  ok: response => end(response, 200),
  created: response => end(response, 201),
  error: (response, { code = 500 }) => end(response, code),
  gone: response => end(response, 410),
  busy: (response, { code = 429, retryAfter = 1 }) =>
    end(response, code, { 'retry-after': String(retryAfter) }),
  redirect: (response, { location }) => end(response, 302, { location }),
  hang: () => 0,
  drop: response => { response.socket.destroy(); return 0 },
  slow: (response, { ms = 2000 }) => { setTimeout(() => end(response, 200), ms); return 200 },
  // Acknowledges, then pours megabytes that nobody should read.
  flood: (response, { megabytes = 100 }) => { pour(response, megabytes); return 200 },
  // Fails the first `count` requests, then is fine.
  'fail-first': (response, { count = 2, code = 503 }) =>
    end(response, state.failures++ < count ? code : 200)
}

function end(response, status, headers = {}) {
  response.writeHead(status, headers).end()
  return status
}

function pour(response, megabytes) {
  const block = Buffer.alloc(1 << 20, 0x61)
  response.writeHead(200)
  const more = () => {
    while (megabytes-- > 0 && !response.destroyed) {
      if (!response.write(block)) return response.once('drain', more)
    }
    return response.end()
  }
  more()
}

// Verifies by the specification: HMAC-SHA256 over id.timestamp.body, any of the v1 signatures,
// under any secret in force, not too old or new.
export function verify(secrets, headers, body, now = Date.now() / 1000) {
  const { 'webhook-id': id = '', 'webhook-timestamp': timestamp = '' } = headers
  const given = (headers['webhook-signature'] ?? '').split(' ')
    .filter(part => part.startsWith('v1,')).map(part => Buffer.from(part.slice(3), 'base64'))
  if (!id || !(Math.abs(now - Number(timestamp)) <= TOLERANCE_SECONDS)) return false
  return secrets.some(secret => {
    const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64')
    const want = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest()
    return given.some(sum => sum.length === want.length && timingSafeEqual(sum, want))
  })
}

function receive(request, body, response) {
  const { headers } = request
  const row = {
    id: headers['webhook-id'], timestamp: headers['webhook-timestamp'], path: request.url,
    valid: verify(state.secrets, headers, body), type: typeOf(body), body, headers, at: Date.now()
  }
  row.status = MODES[state.mode.mode](response, state.mode)
  state.received.push(row)
  if (log) appendFileSync(log, JSON.stringify(row) + '\n')
}

function typeOf(body) {
  try {
    return JSON.parse(body).type ?? null
  } catch {
    return null
  }
}

function admin(request, body) {
  switch (`${request.method} ${request.url}`) {
    case 'POST /__mode': {
      const mode = JSON.parse(body)
      if (!MODES[mode.mode]) throw new Error(`unknown mode "${mode.mode}"`)
      state.mode = mode
      state.failures = 0
      return mode
    }
    case 'POST /__secret':
      state.secrets = [JSON.parse(body).secret].flat()
      return { secrets: state.secrets.length }
    case 'GET /__received':
      return state.received
    case 'GET /__ids':
      return [...new Set(state.received
        .filter(row => row.valid && row.status >= 200 && row.status < 300).map(row => row.id))]
    case 'DELETE /__received':
      state.received = []
      return { received: 0 }
    default:
      throw new Error(`no ${request.method} ${request.url} here`)
  }
}

listen(async (request, response) => {
  const body = await readBody(request)
  if (request.url.startsWith('/__')) return reply(response, 200, admin(request, body))
  return receive(request, body, response)
}, port)
