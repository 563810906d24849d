// SPDX-License-Identifier: PostgreSQL
//
// What the small HTTP servers of the tests share.
import http from 'node:http'

// Reads --name value pairs from the command line.
export function options(argv = process.argv.slice(2)) {
  const found = {}
  for (let i = 0; i < argv.length; i += 2) found[argv[i].replace(/^--/, '')] = argv[i + 1]
  return found
}

export async function readBody(stream) {
  const chunks = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

export function reply(response, status, value) {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
}

// Serves on loopback until the process is told to end; a failing handler answers 400 with why.
export function listen(serve, port = 0) {
  const server = http.createServer((request, response) => {
    response.on('error', () => {})
    serve(request, response).catch(error => {
      if (!response.headersSent) reply(response, 400, { error: error.message })
      else response.destroy()
    })
  })
  server.keepAliveTimeout = 60_000
  server.listen(Number(port), '127.0.0.1', () => {
    console.log(`Listening on 127.0.0.1:${server.address().port}`)
  })
  for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(0))
}
