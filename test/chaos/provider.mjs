// SPDX-License-Identifier: PostgreSQL
//
// The two providers of a network: faulty proxies, which may also hang, die and come back.
import { fileURLToPath } from 'node:url'
import { Process } from './process.mjs'

const PROXY = fileURLToPath(new URL('../chain/rpcproxy.mjs', import.meta.url))

export class Providers {
  // Starts them; they stay for all rounds.
  async open(seed) {
    this.list = [0, 1].map(i => new Process('node', [PROXY, '--target', 'http://127.0.0.1:1',
      '--seed', String(seed + i)]))
    await Promise.all(this.list.map(provider => provider.start()))
    this.faults = [[], []]
    this.targets = []
  }

  // Puts them in front of the nodes of a new round.
  async point(targets) {
    this.targets = targets
    this.faults = [[], []]
    await Promise.all([0, 1].map(i => this.connect(i)))
  }

  async connect(i) {
    await this.list[i].lever('POST', '/__target', { url: this.targets[i] })
    await this.list[i].lever('POST', '/__fault', this.faults[i].map(entry => entry.fault))
  }

  // Adds a fault, or takes it away when there is none.  A proxy that is gone learns it later.
  setFault(i, id, fault) {
    this.faults[i] = this.faults[i].filter(entry => entry.id !== id)
    if (fault) this.faults[i].push({ id, fault })
    return this.list[i].child ? this.connect(i).catch(() => {}) : undefined
  }

  async event(i, kind) {
    const provider = this.list[i]
    if (kind === 'node-freeze') provider.signal('SIGSTOP')
    if (kind === 'node-freeze-end') provider.signal('SIGCONT')
    if (kind === 'node-stop') await provider.stop()
    if (kind === 'node-stop-end' && !provider.child) await this.revive(i)
  }

  async revive(i) {
    await this.list[i].start()
    await this.connect(i)
  }

  // Both are honest and up again.
  async heal() {
    this.faults = [[], []]
    for (const i of [0, 1]) {
      if (!this.list[i].child) await this.list[i].start()
      this.list[i].signal('SIGCONT')
      await this.connect(i)
    }
  }

  urls() {
    return this.list.map(provider => provider.url)
  }

  close() {
    return Promise.all(this.list.map(provider => provider.stop()))
  }
}
