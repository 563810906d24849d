// SPDX-License-Identifier: PostgreSQL
//
// CPU time of Node's main thread: what the garbage collector's threads use is not counted, which
// favours the baselines.
import { readFileSync } from 'node:fs'

const spent = () => BigInt(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[0])

// Warms up for a while, then prints how many items per second of CPU `work` handles; `work` returns
// how many it handled.
export function perSecond(work, warmup = 1000) {
  for (const until = Date.now() + warmup; Date.now() < until;) work()
  const began = spent()
  let items = 0
  for (const until = Date.now() + warmup; Date.now() < until;) items += work()
  console.log(items * 1e9 / Number(spent() - began))
}
