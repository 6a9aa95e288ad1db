/** What a terminal can show: its width, colours, and characters beyond ASCII. */

/** Colours by what they are for. */
export type Ink = 'faint' | 'strong' | 'sent' | 'received' | 'bad' | 'line' | 'area'

/** How text is to be shown. */
export interface Look {
  /** Characters in a line. */
  readonly width: number
  readonly isAscii: boolean
  /** `text` in a colour, or as it is. */
  paint(text: string, ink: Ink): string
}

const CODES: Readonly<Record<Ink, string>> = {
  faint: '2',
  strong: '1',
  sent: '36',
  received: '32',
  bad: '31',
  line: '33',
  area: '34',
}

/** What is known of the place where text goes. */
export interface LookOptions {
  readonly width: number
  readonly isAscii: boolean
  readonly hasColours: boolean
}

/** The look that `options` allow. */
export function lookOf({ hasColours, isAscii, width }: LookOptions): Look {
  return {
    width,
    isAscii,
    paint: (text, ink) => (hasColours && text !== '' ? `\u001b[${CODES[ink]}m${text}\u001b[0m` : text),
  }
}

/** What an output stream and the environment say. Without a terminal lines have 100 characters. */
export function lookFor(
  output: { readonly isTTY?: boolean; readonly columns?: number },
  environment: Readonly<Record<string, string | undefined>>,
): LookOptions {
  const given = (name: string): string => environment[name] ?? ''
  const locale = given('LC_ALL') || given('LC_CTYPE') || given('LANG')
  const columns = output.columns ?? Number(given('COLUMNS') || 100)
  return {
    width: Math.min(200, Math.max(60, Number.isFinite(columns) ? Math.floor(columns) : 100)),
    // Where nothing is said about the locale, terminals of today show Unicode.
    isAscii: given('TERM') === 'dumb' || (locale !== '' && !/utf-?8/i.test(locale)),
    // https://no-color.org: any value that is not empty.
    hasColours: output.isTTY === true && given('NO_COLOR') === '' && given('TERM') !== 'dumb',
  }
}
