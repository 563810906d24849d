// SPDX-License-Identifier: PostgreSQL
//
// Blocks of TRON and reading them with tronweb, the baseline of tron_transfers and chain_ingest.
//
//   tron.mjs make BLOCKS HEADERS INFOS FLAT WATCH...   from test/chain/tron-node; every tenth transfer goes to
//                       an address of WATCH.  HEADERS: the blocks; INFOS: an array of infos per block; FLAT: one
//                       array of all.  Prints the token's address and the number of infos
//   tron.mjs read FLAT  prints infos per second of CPU, from JSON text to sender, recipient and amount
import { readFileSync, writeFileSync } from 'node:fs'
import { TronWeb } from 'tronweb'
import { TronNode } from '../chain/tron-node/client.mjs'
import { perSecond } from './cpu.mjs'

const TRANSFER = 'ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef'
const [, , command, ...rest] = process.argv

async function make(blocks, headersFile, infosFile, flatFile, watch) {
  const node = await TronNode.start('--port', '0', '--no-mining')
  const from = node.info.head + 1
  await node.admin('bulk', { blocks, watch })
  const { block } = await node.post('/wallet/getblockbylimitnext', { startNum: from, endNum: from + blocks })
  const infos = []
  for (const one of block) {
    infos.push(await node.post('/wallet/gettransactioninfobyblocknum', { num: one.block_header.raw_data.number }))
  }
  writeFileSync(headersFile, JSON.stringify(block))
  writeFileSync(infosFile, JSON.stringify(infos))
  writeFileSync(flatFile, JSON.stringify(infos.flat()))
  console.log(node.info.usdt, infos.flat().length, parseInt(node.info.chainId))
  await node.stop()
}

function read(text) {
  const tronweb = read.tronweb ??= new TronWeb({ fullHost: 'http://127.0.0.1' })
  let infos = 0
  for (const info of JSON.parse(text)) {
    infos++
    if (info.receipt?.result !== 'SUCCESS') continue
    for (const log of info.log ?? []) {
      if (log.topics[0] !== TRANSFER) continue
      const { from, to } = tronweb.utils.abi.decodeParams(['from', 'to', 'value'], ['address', 'address', 'uint256'],
        '0x' + log.topics[1] + log.topics[2] + log.data)
      TronWeb.address.fromHex(from)
      TronWeb.address.fromHex(to)
    }
  }
  return infos
}

if (command === 'make') {
  const [blocks, headers, infos, flat, ...watch] = rest
  await make(Number(blocks), headers, infos, flat, watch)
} else {
  const text = readFileSync(rest[0], 'utf8')
  perSecond(() => read(text))
}
