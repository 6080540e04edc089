/** The documentation as a site: every Markdown file of the repository, with the lists of docs/README.md and docs/ko/README.md as sidebars. */
import { cpSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { defineConfig } from 'vitepress'
import { linkedFiles, siteLinks } from '../links.ts'
import { anchorOf, pageOf, ROOT, sidebarOf, urlOf } from '../pages.ts'

const ENGLISH = sidebarOf('docs/README.md')
const KOREAN = sidebarOf('docs/ko/README.md')

export default defineConfig({
  srcDir: '../..',
  srcExclude: ['**/node_modules/**', '**/.ninelives/**', 'packed/**', 'docs/site/**'],
  rewrites: pageOf,
  outDir: './.vitepress/dist',
  cacheDir: './.vitepress/cache',
  title: 'ninelives',
  description: 'Sessions that survive their node',
  // A list of all pages would load every one of them.
  router: { prefetchLinks: false },
  head: [['link', { rel: 'icon', href: 'data:,' }]],
  // Links to files that are copied beside the pages; the site's test follows every link there is.
  ignoreDeadLinks: [/\.(yaml|svg|html)$/, /^https?:\/\/(127\.0\.0\.1|localhost)/],
  markdown: {
    theme: { light: 'github-light-high-contrast', dark: 'github-dark-high-contrast' },
    anchor: { slugify: anchorOf },
    // Prometheus, HAProxy and the like are told in blocks that the highlighter may not know.
    languageAlias: { haproxy: 'nginx' },
    config: siteLinks,
  },
  vite: {
    plugins: [
      {
        name: 'vue-of-the-site',
        enforce: 'pre',
        // The pages lie outside of the folder that has Vue. While they are rendered, Vue is what Node finds there.
        resolveId(id, _importer, { ssr }) {
          return ssr === true && /^vue(\/server-renderer)?$/.test(id) ? { id, external: true } : undefined
        },
      },
    ],
  },
  locales: {
    root: {
      label: 'English',
      lang: 'en',
      themeConfig: {
        nav: [
          { text: 'Tutorial', link: urlOf('docs/tutorial.md') },
          { text: 'All pages', link: urlOf('docs/README.md') },
        ],
        sidebar: [...ENGLISH],
      },
    },
    ko: {
      label: '한국어',
      lang: 'ko',
      themeConfig: {
        nav: [{ text: '튜토리얼', link: urlOf('docs/ko/tutorial.md') }],
        sidebar: [...KOREAN],
        outline: { label: '이 페이지에서' },
        docFooter: { prev: '이전', next: '다음' },
        darkModeSwitchLabel: '어둡게 보기',
        lightModeSwitchTitle: '밝게 보기',
        darkModeSwitchTitle: '어둡게 보기',
        sidebarMenuLabel: '목차',
        returnToTopLabel: '맨 위로',
        langMenuLabel: '언어 바꾸기',
        skipToContentLabel: '본문으로 건너뛰기',
      },
    },
  },
  themeConfig: {
    // Most pages are in English alone, so the other language begins at its own list.
    i18nRouting: false,
    search: {
      provider: 'local',
      options: {
        translations: { button: { buttonText: 'Search, Ctrl K', buttonAriaLabel: 'Search, Ctrl K' } },
        locales: {
          ko: {
            translations: {
              button: { buttonText: '검색, Ctrl K', buttonAriaLabel: '검색, Ctrl K' },
              modal: {
                noResultsText: '찾은 것이 없습니다',
                resetButtonTitle: '지우기',
                displayDetails: '자세히',
                footer: { selectText: '열기', navigateText: '이동', closeText: '닫기' },
              },
            },
          },
        },
      },
    },
  },
  buildEnd({ outDir }) {
    for (const path of [...linkedFiles, 'llms.txt']) {
      const target = join(outDir, path)
      mkdirSync(dirname(target), { recursive: true })
      cpSync(join(ROOT, path), target)
    }
  },
})
