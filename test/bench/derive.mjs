// SPDX-License-Identifier: PostgreSQL
//
// Baseline of derive.sql: ethers.  derive.mjs XPUB
import { HDNodeWallet } from 'ethers'
import { perSecond } from './cpu.mjs'

const account = HDNodeWallet.fromExtendedKey(process.argv[2]).deriveChild(0)
let index = 0
perSecond(() => {
  for (let i = 0; i < 50; i++) account.deriveChild(index++).address
  return 50
})
