/** The theme of VitePress with the fonts of the reader's system, Korean ones included: nothing is downloaded for them. */
import Theme from 'vitepress/theme-without-fonts'
import './style.css'

export default Theme
