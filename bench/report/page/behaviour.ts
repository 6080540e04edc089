/** Copies and saves the charts and the data of the page. The page says the same without this script. */
const COPIED_FOR_MS = 1_500

for (const taking of document.querySelectorAll<HTMLElement>('.take')) taking.hidden = false

for (const button of document.querySelectorAll<HTMLButtonElement>('button[data-copy]')) {
  button.addEventListener('click', () => void copy(button))
}

for (const button of document.querySelectorAll<HTMLButtonElement>('button[data-save]')) {
  const id = button.dataset['save'] ?? ''
  button.addEventListener('click', () => save(`${id}.svg`, 'image/svg+xml', standalone(id)))
}

document.querySelector('#save-result')?.addEventListener('click', () => {
  save('result.json', 'application/json', document.querySelector('#result')?.textContent ?? '')
})

// Prints the folded sections too.
addEventListener('beforeprint', () => {
  for (const folded of document.querySelectorAll('details')) folded.open = true
})

async function copy(button: HTMLButtonElement): Promise<void> {
  const words = button.textContent
  try {
    await navigator.clipboard.writeText(standalone(button.dataset['copy'] ?? ''))
    button.textContent = 'Copied'
  } catch {
    // A page opened from a file may have no clipboard; downloads always work.
    button.textContent = 'Not allowed: use Download'
  }
  setTimeout(() => (button.textContent = words), COPIED_FOR_MS)
}

/** The SVG with light colours in place of the page's variables, for a document that has no such variables. */
function standalone(id: string): string {
  const text = document.querySelector(`#${CSS.escape(id)}`)?.outerHTML ?? ''
  return text.replaceAll(/var\(--[\w-]+, (#[0-9a-f]+)\)/g, '$1').replace('<svg ', '<svg color="#211d1a" ')
}

function save(name: string, type: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }))
  const link = Object.assign(document.createElement('a'), { href: url, download: name })
  link.click()
  URL.revokeObjectURL(url)
}
