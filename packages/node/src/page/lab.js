/** The lab that runs this shop, if one does: which nodes have died, and an order to kill one. */
import { byId, colourOf, renderTexts } from './view.js'
import { translated } from './strings.js'

const ANSWER_WITHIN_MS = 4_000

/** As the lab said last; undefined without a lab. */
let lab
/** Asked once; a page without a lab does not ask again. */
let isAbsent = false
let deathsOf = new Map()

export function strategy() {
  return lab?.strategy
}

/** Resolves to the names of the nodes that died since the last call. */
export async function newDeaths() {
  if (isAbsent) return []
  const answer = await askLab()
  if (answer === undefined) return []
  const { running, ...view } = answer
  if (!running) {
    isAbsent = lab === undefined
    return []
  }
  const before = deathsOf
  const isFirst = lab === undefined
  lab = view
  if (view.strategy !== document.documentElement.dataset.strategy) {
    document.documentElement.dataset.strategy = view.strategy
    renderTexts()
  }
  deathsOf = new Map(view.nodes.map(({ name, deaths }) => [name, deaths]))
  return isFirst ? [] : view.nodes.flatMap(({ name, deaths }) => (deaths > (before.get(name) ?? 0) ? [name] : []))
}

/** Undefined where there is no whole answer in time: the node may be dying. */
async function askLab() {
  try {
    const response = await fetch('/api/lab', { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) })
    return response.ok ? await response.json() : undefined
  } catch {
    return undefined
  }
}

/** `node`: the one that answered last. */
export function renderLab(node) {
  for (const part of document.querySelectorAll('[data-lab]')) part.hidden = lab === undefined
  if (lab === undefined) return
  for (const link of document.querySelectorAll('[data-live-page]')) link.href = lab.url
  const button = byId('kill')
  button.disabled = node === undefined
  button.textContent = node === undefined ? translated('killAny') : translated('kill', { node })
  button.dataset.node = colourOf(node)
}
