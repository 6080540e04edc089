#!/usr/bin/env node
/** `ninelives` of the published package. Plain JavaScript that an older Node can read, because it is what refuses an older Node. */
const NEEDED = [24, 9]

const [major, minor] = process.versions.node.split('.').map(Number)
if (major > NEEDED[0] || (major === NEEDED[0] && minor >= NEEDED[1])) await import('../dist/cli.js')
else {
  process.stderr.write(
    `ninelives: it runs on Node ${NEEDED.join('.')} or newer, and this is ${process.versions.node}; npx -p node@24 -p @ninelives/lab ninelives ... brings one\n`,
  )
  process.exit(2)
}
