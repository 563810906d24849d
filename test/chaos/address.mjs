// SPDX-License-Identifier: PostgreSQL
//
// Addresses as the model compares them: the family and twenty bytes in hex.
const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'

// The twenty bytes of a TRON address, whose checksum the database has made.
function tronBytes(text) {
  let value = 0n
  for (const letter of text) value = value * 58n + BigInt(ALPHABET.indexOf(letter))
  return value.toString(16).padStart(50, '0').slice(2, 42)
}

export function ownerKey(family, address) {
  return `${family} ${family === 'tron' ? tronBytes(address) : address.toLowerCase().slice(2)}`
}
