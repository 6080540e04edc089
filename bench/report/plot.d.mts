/**
 * The part of the charts' packages that the report uses. They are installed when a report is first asked for, and the whole must
 * be type-checked without them as well.
 */
declare module '@observablehq/plot' {
  export interface Drawing {
    readonly outerHTML: string
  }
  export type Mark = object
  export type Options = Readonly<Record<string, unknown>>
  export interface PlotOptions extends Options {
    readonly width: number
    readonly height: number
    readonly marginTop: number
    readonly marginLeft: number
    readonly marks: readonly (Mark | null)[]
  }
  export function plot(options: PlotOptions): Drawing
  export function areaY(data: readonly unknown[], options: Options): Mark
  export function cell(data: readonly unknown[], options: Options): Mark
  export function dot(data: readonly unknown[], options: Options): Mark
  export function lineY(data: readonly unknown[], options: Options): Mark
  export function link(data: readonly unknown[], options: Options): Mark
  export function ruleX(data: readonly unknown[], options?: Options): Mark
  export function text(data: readonly unknown[], options: Options): Mark
  export function tickX(data: readonly unknown[], options: Options): Mark
}

declare module 'linkedom' {
  export function parseHTML(text: string): { readonly document: object }
}
