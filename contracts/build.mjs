#!/usr/bin/env node
// SPDX-License-Identifier: PostgreSQL
//
// Compiles every contract here with the pinned solc into NAME.json (ABI, bytecode, compiler,
// checksum of the source), which is committed.
//
//   node contracts/build.mjs            writes the files
//   node contracts/build.mjs --check    fails when a committed file differs from a fresh compile
import { createHash } from 'node:crypto'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const here = new URL('./', import.meta.url)
const solc = createRequire(new URL('../test/package.json', here))('solc')

function compile(sources) {
  const input = {
    language: 'Solidity',
    sources: Object.fromEntries(sources.map(name => [name, { content: text(name) }])),
    settings: {
      optimizer: { enabled: true, runs: 200 },
      evmVersion: 'paris', // no newer opcode: the bytecode runs on every network
      metadata: { bytecodeHash: 'none' },
      outputSelection: {
        '*': { '*': ['abi', 'evm.bytecode.object', 'evm.deployedBytecode.object'] }
      }
    }
  }
  const output = JSON.parse(solc.compile(JSON.stringify(input)))
  for (const message of output.errors ?? []) console.error(message.formattedMessage)
  if (output.errors?.length) throw new Error('the compiler complains')
  return output.contracts
}

function text(name) {
  return readFileSync(new URL(name, here), 'utf8')
}

// The contract a file is named after; helpers and interfaces beside it are not deployed.
function artefact(name, contracts) {
  const contract = contracts[name][name.replace(/\.sol$/, '')]
  return JSON.stringify({
    source: name,
    sourceSha256: createHash('sha256').update(text(name)).digest('hex'),
    solc: solc.version(),
    abi: contract.abi,
    bytecode: '0x' + contract.evm.bytecode.object,
    deployedBytecode: '0x' + contract.evm.deployedBytecode.object
  }, null, 1) + '\n'
}

const sources = readdirSync(here).filter(name => name.endsWith('.sol')).sort()
const contracts = compile(sources)
let stale = 0
for (const name of sources) {
  const fresh = artefact(name, contracts)
  const target = name.replace(/\.sol$/, '.json')
  if (process.argv.includes('--check')) {
    if (text(target) !== fresh) {
      console.error(`contracts/${target} is not what contracts/${name} compiles to`)
      stale++
    }
  } else {
    writeFileSync(new URL(target, here), fresh)
    console.log(`contracts/${target}`)
  }
}
process.exitCode = stale ? 1 : 0
