// SPDX-License-Identifier: PostgreSQL
//
// Child processes that print "Listening on HOST:PORT" when ready and never outlive us.
import { spawn } from 'node:child_process'

const READY_MS = 30_000
const children = new Set()

process.on('exit', () => children.forEach(child => child.kill('SIGKILL')))

export class Process {
  constructor(command, args) {
    this.command = command
    this.args = args
    this.port = 0
  }

  async start() {
    const child = spawn(this.command, [...this.args, '--port', String(this.port)],
      { stdio: ['ignore', 'pipe', 'pipe'] })
    children.add(child)
    child.on('exit', () => children.delete(child))
    this.child = child
    this.port = await new Promise((resolve, reject) => {
      let text = ''
      const timer = setTimeout(() => reject(new Error(`${this.args[0]} is not ready: ${text}`)),
        READY_MS)
      const read = part => {
        text = (text + part).slice(-4000)
        const ready = text.match(/Listening on [\d.]+:(\d+)/)
        if (ready) resolve(Number(ready[1]))
        if (ready) clearTimeout(timer)
      }
      child.stdout.on('data', read)
      child.stderr.on('data', read)
      child.on('exit', code => reject(new Error(`${this.args[0]} ended (${code}): ${text}`)))
    })
    this.url = `http://127.0.0.1:${this.port}`
    return this
  }

  signal(name) {
    this.child?.kill(name)
  }

  async stop() {
    const { child } = this
    this.child = undefined
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise(resolve => child.on('exit', resolve))
    child.kill('SIGKILL')
    await gone
  }

  // A request to the process's own levers (/__fault, /__mode …).
  async lever(method, path, value) {
    const answer = await fetch(this.url + path, {
      method, headers: { 'content-type': 'application/json' },
      body: value === undefined ? undefined : JSON.stringify(value)
    })
    if (!answer.ok) throw new Error(`${method} ${path}: ${await answer.text()}`)
    return answer.json()
  }
}
