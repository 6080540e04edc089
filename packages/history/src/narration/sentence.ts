/** A line for a person, in the terminal or on the live page. */
export interface Sentence {
  readonly text: string
  readonly tone: 'good' | 'bad' | 'plain'
}
