// SPDX-License-Identifier: PostgreSQL
//
// A database session that may die at any moment: psql behind pipes, one statement at a time.
import { spawn } from 'node:child_process'

// What a statement ends in when nobody knows whether it was committed.
export class Lost extends Error {}

// A statement the server refused; `code` is its SQLSTATE.
export class Refused extends Error {
  constructor(code, message) {
    super(`${code} ${message}`)
    this.code = code
  }
}

// Refusals that say nothing about the statement: shut down, starting up, conflict, no resources,
// or worker gone.  The statement was not committed.
const PASSING = /^(57P0[1-5]|57014|40001|40P01|53...|08...|55006|3D000)$/

const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))

export class Session {
  constructor({ host, port = 5432, user = 'postgres', database }) {
    this.environment = {
      ...process.env, PGHOST: host, PGPORT: String(port), PGUSER: user, PGDATABASE: database,
      PGCONNECT_TIMEOUT: '5', PGOPTIONS: '-c statement_timeout=20s -c client_min_messages=error'
    }
    this.turn = Promise.resolve()
    this.calls = 0
  }

  start() {
    const child = spawn('psql', ['-XqAt', '-v', 'ON_ERROR_STOP=0'],
      { env: this.environment, stdio: ['pipe', 'pipe', 'ignore'] })
    let text = ''
    child.stdin.on('error', () => {})
    child.stdout.setEncoding('utf8').on('data', part => {
      text += part
      const end = text.match(/^@@(\d+) (\S*) (.*)\n/m)
      if (!end || Number(end[1]) !== this.calls) return
      const lines = text.slice(0, end.index).split('\n').slice(0, -1)
      text = ''
      if (end[2] === '00000') this.waiting?.resolve(lines)
      else this.waiting?.reject(new Refused(end[2], end[3]))
    })
    child.on('close', () => {
      if (this.child !== child) return
      this.child = undefined
      this.waiting?.reject(new Lost('the connection is gone'))
    })
    this.child = child
  }

  // Runs statements one after another, with nobody else's in between; returns the lines of the
  // last one.  After an error the transaction they were in is rolled back.
  query(statements) {
    const run = this.turn.then(() => this.script([statements].flat()))
    this.turn = run.catch(() => {})
    return run
  }

  async script(statements) {
    let lines
    try {
      for (const sql of statements) lines = await this.exchange(sql)
    } catch (error) {
      if (error instanceof Refused && statements.length > 1) {
        await this.exchange('ROLLBACK').catch(() => {})
      }
      throw error
    }
    return lines
  }

  async exchange(sql) {
    if (!this.child) this.start()
    this.calls++
    try {
      return await new Promise((resolve, reject) => {
        this.waiting = { resolve, reject }
        this.child.stdin.write(`${sql};\n\\echo @@${this.calls} :SQLSTATE :LAST_ERROR_MESSAGE\n`)
      })
    } finally {
      this.waiting = undefined
    }
  }

  // Runs statements until their last one is known to be committed, or one is refused for good.
  // They must be such that running them again does nothing twice.
  async insist(statements, seconds = 60) {
    const until = Date.now() + seconds * 1000
    for (;;) {
      try {
        return await this.query(statements)
      } catch (error) {
        const passing = error instanceof Lost || PASSING.test(error.code)
        if (!passing || Date.now() > until) throw error
        await sleep(100)
      }
    }
  }

  // The rows of a query as objects.
  async rows(sql) {
    const lines = await this.insist(`SELECT row_to_json(q) FROM (${sql}) AS q`)
    return lines.map(line => JSON.parse(line))
  }

  async row(sql) {
    return (await this.rows(sql))[0]
  }

  close() {
    this.child?.stdin.end()
    this.child = undefined
  }
}

export const quote = text => `'${String(text).replaceAll("'", "''")}'`
