// SPDX-License-Identifier: PostgreSQL
//
// A session with PostgreSQL: one psql that stays, fed statement by statement.  This is all a client
// of usdtpay needs; the demo brings no driver along.
import { spawn } from 'node:child_process'

const MARK = '=-=-= end of answer =-=-='
const AFTER_ERROR_MS = 50

// A value as SQL source.
export function literal(value) {
  if (value === null || value === undefined) return 'NULL'
  if (typeof value === 'number' || typeof value === 'bigint') return String(value)
  if (typeof value === 'boolean') return value ? 'true' : 'false'
  if (Array.isArray(value)) return `ARRAY[${value.map(literal).join(', ')}]`
  return `'${String(value).replaceAll("'", "''")}'`
}

// Tag for SQL with values in it.
export const sql = (parts, ...values) =>
  parts.reduce((text, part, i) => text + literal(values[i - 1]) + part)

export class Psql {
  constructor(user, database) {
    this.user = user
    this.out = ''
    this.err = ''
    this.queue = Promise.resolve()
    this.child = spawn('psql', ['-XqAt', '-U', user, '-d', database],
      { stdio: ['pipe', 'pipe', 'pipe'] })
    this.child.stdout.setEncoding('utf8').on('data', text => this.take(text))
    this.child.stderr.setEncoding('utf8').on('data', text => { this.err += text })
    this.child.stdin.on('error', () => {})
    this.child.on('exit', () => this.waiting?.reject(new Error(`psql ended: ${this.err}`)))
  }

  // Runs statements one after another; returns what they print.
  run(text) {
    const answer = this.queue.then(() => this.ask(text))
    this.queue = answer.catch(() => {})
    return answer
  }

  ask(text) {
    this.out = ''
    this.err = ''
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject }
      this.child.stdin.write(`${text}\n;\n\\echo ${MARK} :ERROR\n`)
    })
  }

  take(text) {
    this.out += text
    const at = this.out.indexOf(MARK)
    if (at < 0 || !this.out.endsWith('\n')) return
    const answer = this.out.slice(0, at).trimEnd()
    const failed = this.out.slice(at + MARK.length).trim() === 'true'
    const { resolve, reject } = this.waiting
    this.waiting = null
    if (!failed) resolve(answer)
    else setTimeout(() => reject(new Error(`as ${this.user}: ${this.err.trim()}`)), AFTER_ERROR_MS)
  }

  // Runs one SELECT; returns its rows as objects.
  async rows(query) {
    return JSON.parse(await this.run(
      `SELECT coalesce(json_agg(q), '[]') FROM (${query}) AS q`))
  }

  async row(query) {
    return (await this.rows(query))[0]
  }

  async value(query) {
    const row = await this.row(query)
    return row && Object.values(row)[0]
  }

  end() {
    this.child.removeAllListeners('exit')
    this.child.stdin.end('\\q\n')
  }
}
