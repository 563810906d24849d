#!/usr/bin/env node
// SPDX-License-Identifier: PostgreSQL
//
// A node that misbehaves on demand: an HTTP proxy on loopback in front of a JSON-RPC or REST node.
// Without faults every byte passes unchanged.  Prints "Listening on 127.0.0.1:PORT" when ready.
//
//   rpcproxy.mjs --target URL [--port N] [--seed N]
//
//   POST   /__fault   one fault is added, an array replaces all of them (faults.mjs has the kinds)
//   DELETE /__fault   the node is honest again
//   POST   /__target  {"url"}: another node from now on
//   GET    /__stats   {requests, calls, methods: {name: n}, faults: [{…, matched, fired}]}
//   GET    /__log     the last requests: [{at, path, methods, status, headers}]
import http from 'node:http'
import { Faults, KINDS } from './faults.mjs'
import { options, readBody, listen, reply } from './server.mjs'

const LOG_LENGTH = 1000
const { target = 'http://127.0.0.1:8545', port = 0, seed = 1 } = options()
const agent = new http.Agent({ keepAlive: true })
const faults = new Faults(Number(seed))
const state = { target, requests: 0, calls: 0, methods: {}, log: [] }

function admin(request, path, body) {
  switch (`${request.method} ${path}`) {
    case 'POST /__fault': {
      const given = JSON.parse(body)
      if (Array.isArray(given)) faults.set(given)
      else faults.add(given)
      return { faults: faults.list.length }
    }
    case 'DELETE /__fault':
      faults.set([])
      return { faults: 0 }
    case 'POST /__target':
      state.target = JSON.parse(body).url
      return { target: state.target }
    case 'GET /__stats': {
      const { requests, calls, methods } = state
      return { requests, calls, methods, faults: faults.list }
    }
    case 'GET /__log':
      return state.log
    default:
      throw new Error(`no ${request.method} ${path} here`)
  }
}

// One HTTP exchange with the node; returns {status, headers, text}.
function exchange(path, method, headers, body) {
  const url = new URL(state.target)
  return new Promise((resolve, reject) => {
    const request = http.request({
      agent, method, host: url.hostname, port: url.port,
      path: url.pathname.replace(/\/$/, '') + path,
      headers: { ...headers, host: url.host, 'content-length': Buffer.byteLength(body) }
    }, async response => {
      resolve({ status: response.statusCode, headers: response.headers,
        text: await readBody(response) })
    })
    request.on('error', reject).end(body)
  })
}

async function upstream(method, params) {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })
  const { text } = await exchange('/', 'POST', { 'content-type': 'application/json' }, body)
  return JSON.parse(text).result
}

// The calls of a request: those of a JSON-RPC body, or the path itself as one call.
function parseCalls(path, body) {
  try {
    const parsed = JSON.parse(body)
    const list = Array.isArray(parsed) ? parsed : [parsed]
    if (list.length && list.every(call => typeof call?.method === 'string')) {
      return { rpc: true, batch: Array.isArray(parsed), list }
    }
  } catch { /* a REST call without a JSON body */ }
  return { rpc: false, batch: false, list: [{ method: path.split('?')[0] }] }
}

// Gives each call to the faults that answer in the node's place; returns the answers by id.
async function answerLocally(calls) {
  const answers = new Map()
  for (const call of calls.list) {
    for (const fault of faults.strikes([call.method], 'before')) {
      const answer = await KINDS[fault.kind].before(call, fault, upstream)
      if (answer) {
        answers.set(call, answer)
        break
      }
    }
  }
  return answers
}

// Puts the answers together again, twisted where a fault says so.
function merge(calls, local, text) {
  const after = calls.list.map(call => faults.strikes([call.method], 'after'))
  if (!local.size && after.every(list => !list.length)) return text
  const remote = text === '' ? [] : [JSON.parse(text)].flat(calls.rpc ? 1 : 0)
  const answers = calls.list.map((call, i) => {
    if (local.has(call)) return { jsonrpc: '2.0', id: call.id, ...local.get(call) }
    const answer = calls.rpc ? remote.find(a => a.id === call.id) : { result: remote[0] }
    if (!answer || answer.error) return answer
    const twist = (result, fault) => KINDS[fault.kind].after(call, result, fault)
    return { ...answer, result: after[i].reduce(twist, answer.result) }
  })
  if (!calls.rpc) return JSON.stringify(answers[0].result)
  return JSON.stringify(calls.batch ? answers : answers[0])
}

async function forward(request, body, calls) {
  const local = await answerLocally(calls)
  const rest = calls.list.filter(call => !local.has(call))
  let answer = { status: 200, headers: {}, text: '' }
  if (rest.length) {
    const changed = !calls.rpc || rest.length === calls.list.length && !faults.list.length ? body
      : JSON.stringify(calls.batch ? rest : rest[0])
    const { 'content-type': type = 'application/json' } = request.headers
    answer = await exchange(request.url, request.method, { 'content-type': type }, changed)
  }
  let text = merge(calls, local, answer.text)
  for (const fault of faults.strikes(calls.list.map(call => call.method), 'text')) {
    text = KINDS[fault.kind].text(text, fault)
  }
  return { status: answer.status, type: answer.headers['content-type'], text }
}

function record(request, calls, status) {
  const methods = calls.list.map(call => call.method)
  state.requests++
  state.calls += methods.length
  for (const method of methods) state.methods[method] = (state.methods[method] ?? 0) + 1
  state.log.push({ at: Date.now(), path: request.url, methods, status, headers: request.headers })
  if (state.log.length > LOG_LENGTH) state.log.shift()
}

async function serve(request, response) {
  const body = await readBody(request)
  const path = request.url.split('?')[0]
  if (path.startsWith('/__')) return reply(response, 200, admin(request, path, body))
  const calls = parseCalls(request.url, body)
  for (const fault of faults.strikes(calls.list.map(call => call.method), 'http')) {
    if (fault.kind !== 'delay') record(request, calls, fault.kind)
    if (await KINDS[fault.kind].http(response, fault)) return undefined
  }
  const { status, type, text } = await forward(request, body, calls)
  record(request, calls, status)
  response.writeHead(status, { 'content-type': type ?? 'application/json' })
  return response.end(text)
}

listen(serve, port)
