// SPDX-License-Identifier: PostgreSQL
//
// How the demo talks: headings, sentences, small tables.  Colours and pauses only for a person at
// a terminal.
const tty = Boolean(process.stdout.isTTY)
const colours = tty && !process.env.NO_COLOR
const paint = code => text => (colours ? `\x1b[${code}m${text}\x1b[0m` : String(text))
export const bold = paint('1')
export const dim = paint('2')
export const green = paint('32')
export const red = paint('31')
export const cyan = paint('36')

const WIDTH = 78
let chapters = 0

export const pause = ms => new Promise(resolve => setTimeout(resolve, ms))
// Time for a person to read along; a log file needs none.
export const breathe = (ms = 350) => (tty ? pause(ms) : undefined)

export function heading(title) {
  chapters++
  console.log(`\n${bold(`━━ ${chapters}. ${title} `.padEnd(WIDTH, '━'))}`)
}

// Prints a paragraph, wrapped; a template's line breaks do not count.
export function say(text) {
  let line = ''
  for (const word of text.trim().split(/\s+/)) {
    if (line.length + word.length >= WIDTH) {
      console.log(line)
      line = ''
    }
    line += (line ? ' ' : '') + word
  }
  if (line) console.log(line)
}

export function ok(text) {
  console.log(`${green('  ✓')} ${text}`)
}

// A line of the running story, such as "block 12 · order 3 pending → confirming".
export function live(where, what) {
  console.log(`  ${dim(where)} ${dim('·')} ${what}`)
}

export function code(text) {
  for (const line of text.trim().split('\n')) console.log(`  ${cyan(line)}`)
}

export function block(text, indent = 2) {
  for (const line of text.replace(/\n+$/, '').split('\n')) console.log(' '.repeat(indent) + line)
}

const isNumber = value => /^-?[0-9][0-9.]*$/.test(value)

// Prints rows of objects; the keys of the first are the columns.
export function table(rows) {
  if (!rows.length) return
  const names = Object.keys(rows[0])
  const cells = rows.map(row => names.map(name => String(row[name] ?? '')))
  const widths = names.map((name, i) => Math.max(name.length, ...cells.map(row => row[i].length)))
  const right = names.map((_, i) => cells.every(row => row[i] === '' || isNumber(row[i])))
  const fit = (text, i) => (right[i] ? text.padStart(widths[i]) : text.padEnd(widths[i]))
  const put = (row, style = x => x) => console.log('  ' + style(row.map(fit).join('  ').trimEnd()))
  put(names, dim)
  put(widths.map(width => '─'.repeat(width)), dim)
  cells.forEach(row => put(row))
}
