/** Conditional requests (RFC 9110 §13). */

/** What is known of a file as it is now. */
export interface Validators {
  /** A strong one, with its quotes. */
  readonly etag: string
  /** Unix time, whole seconds. */
  readonly modified: number
}

/** Whether to go on, and how: `'failed'` is 412, `'unchanged'` 304. In the order of §13.2.2. */
export function preconditionsOf(headers: Headers, { etag, modified }: Validators): 'hold' | 'failed' | 'unchanged' {
  const ifMatch = headers.get('if-match')
  const ifUnmodified = dateOf(headers.get('if-unmodified-since'))
  if (ifMatch !== null) {
    if (!matches(ifMatch, etag, 'strong')) return 'failed'
  } else if (ifUnmodified !== undefined && modified > ifUnmodified) {
    return 'failed'
  }
  const ifNoneMatch = headers.get('if-none-match')
  if (ifNoneMatch !== null) return matches(ifNoneMatch, etag, 'weak') ? 'unchanged' : 'hold'
  const ifModified = dateOf(headers.get('if-modified-since'))
  return ifModified !== undefined && modified <= ifModified ? 'unchanged' : 'hold'
}

/** Whether a `Range` is of the file as it is now: what `If-Range` asks (§13.1.5). */
export function isRangeCurrent(headers: Headers, { etag, modified }: Validators): boolean {
  const condition = headers.get('if-range')?.trim()
  if (condition === undefined) return true
  if (/^(?:W\/)?"/.test(condition)) return condition === etag
  // Exactly that date, and none that a change within the same second would leave as it is: only an entity tag tells those apart.
  return dateOf(condition) === modified && Date.now() / 1000 - modified > 60
}

function matches(list: string, etag: string, comparison: 'weak' | 'strong'): boolean {
  if (list.trim() === '*') return true
  const tags = list.match(/(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"/g) ?? []
  return tags.some((tag) => (comparison === 'weak' ? tag.replace(/^W\//, '') : tag) === etag)
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** The three forms of §5.6.7; all are in GMT, whatever a date's parser thinks. */
const FORMS = [
  /^\w{3}, (?<day>\d\d) (?<month>\w{3}) (?<year>\d{4}) (?<time>\d\d:\d\d:\d\d) GMT$/,
  /^\w{6,9}, (?<day>\d\d)-(?<month>\w{3})-(?<year>\d\d) (?<time>\d\d:\d\d:\d\d) GMT$/,
  /^\w{3} (?<month>\w{3}) (?<day>[ \d]\d) (?<time>\d\d:\d\d:\d\d) (?<year>\d{4})$/,
] as const

/** An HTTP-date as Unix time in seconds; `undefined`: none, which is ignored. */
export function dateOf(text: string | null): number | undefined {
  const groups = FORMS.map((form) => form.exec(text?.trim() ?? '')?.groups).find((found) => found !== undefined)
  if (groups === undefined) return undefined
  const { day = '', month = '', year = '', time = '' } = groups
  const [hours = 0, minutes = 0, seconds = 0] = time.split(':').map(Number)
  const index = MONTHS.indexOf(month)
  if (index < 0) return undefined
  return Date.UTC(fullYear(year), index, Number(day), hours, minutes, seconds) / 1000
}

/** Two digits that would be more than 50 years ahead are of the past century (§5.6.7). */
function fullYear(text: string): number {
  if (text.length === 4) return Number(text)
  const now = new Date().getUTCFullYear()
  const year = now - (now % 100) + Number(text)
  return year > now + 50 ? year - 100 : year
}
