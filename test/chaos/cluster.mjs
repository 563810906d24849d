// SPDX-License-Identifier: PostgreSQL
//
// A PostgreSQL cluster that gets killed: made once, started again and again.
import { execFile } from 'node:child_process'
import { appendFileSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))

export class Cluster {
  static async create(settings) {
    const cluster = new Cluster()
    cluster.host = mkdtempSync(join(process.env.USDTPAY_RUN, 'chaos.'))
    cluster.data = join(cluster.host, 'data')
    cluster.log = join(cluster.host, 'log')
    await run('initdb', ['-D', cluster.data, '-A', 'trust', '-U', 'postgres', '-E', 'UTF8',
      '--locale=C.UTF-8', '--no-sync', '--no-instructions'])
    appendFileSync(join(cluster.data, 'postgresql.conf'), Object.entries({
      listen_addresses: "''", unix_socket_directories: `'${cluster.host}'`,
      shared_preload_libraries: "'usdtpay'", timezone: "'UTC'", restart_after_crash: 'on',
      max_worker_processes: 16, ...settings
    }).map(([name, value]) => `${name} = ${value}\n`).join(''))
    await cluster.start()
    return cluster
  }

  // Starts it; after a kill the old processes may take a moment to be gone.
  async start() {
    for (let attempt = 0; ; attempt++) {
      try {
        await run('pg_ctl', ['-s', '-w', '-t', '20', '-D', this.data, '-l', this.log, 'start'])
        return
      } catch (error) {
        if (attempt >= 20) throw error
        await sleep(100)
      }
    }
  }

  // Stops it.  PostgreSQL 15 can wait for ever when it is told to stop while it recovers from a
  // crash: then an immediate stop ends it.
  async stop(mode = 'fast') {
    const stop = how => run('pg_ctl', ['-s', '-w', '-t', '20', '-D', this.data, '-m', how, 'stop'])
    await stop(mode).catch(() => stop('immediate'))
  }

  get postmaster() {
    try {
      return Number(readFileSync(join(this.data, 'postmaster.pid'), 'utf8').split('\n')[0])
    } catch {
      return 0
    }
  }

  // The children of the postmaster whose title matches, in the order of their ids.
  children(title) {
    const parent = this.postmaster
    return readdirSync('/proc').filter(name => /^\d+$/.test(name)).map(Number).filter(pid => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
        const ppid = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
        return parent > 0 && ppid === parent &&
          title.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8'))
      } catch {
        return false
      }
    }).sort((a, b) => a - b)
  }

  // Sends a signal to one such child.  Returns: whether there was one.
  signal(title, signal, luck = 0) {
    const pids = this.children(title)
    return pids.length > 0 && kill(pids[luck % pids.length], signal)
  }

  // Kills the postmaster, waits for its orphans to notice, and starts again.  An orphan that waits
  // for a lock of a process killed a moment before never notices; a service manager kills it.
  async kill9() {
    const pid = this.postmaster
    const orphans = this.children(/./)
    if (pid) process.kill(pid, 'SIGKILL')
    for (let i = 0; i < 100 && orphans.some(alive); i++) await sleep(50)
    for (const orphan of orphans) kill(orphan, 'SIGKILL')
    await this.start()
  }

  reload() {
    const pid = this.postmaster
    if (pid) process.kill(pid, 'SIGHUP')
  }

  // Lines of the server's log that no round may produce.
  crashes() {
    return readFileSync(this.log, 'utf8').split('\n')
      .filter(line => /PANIC|TRAP|terminated by signal (?!9\b)/.test(line))
  }

  async remove() {
    await this.stop('immediate').catch(() => {})
    if (!process.env.USDTPAY_KEEP) rmSync(this.host, { recursive: true, force: true })
  }
}

// Sends a signal.  Returns: whether there was such a process.
function kill(pid, signal) {
  try {
    return process.kill(pid, signal)
  } catch {
    return false
  }
}

function alive(pid) {
  return kill(pid, 0)
}
