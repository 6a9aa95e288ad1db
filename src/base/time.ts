/**
 * Time as every room of isoquic speaks of it: milliseconds of a monotonic clock that the host hands in.
 * Nothing here reads a clock.
 */

/** A moment on the host's monotonic clock, in milliseconds with fractions. Its zero has no meaning. */
export type Time = number

/** A span of time in milliseconds with fractions. */
export type Duration = number

/** The moment that never comes: what a `nextTimeout` returns when nothing is waiting. */
export const NEVER: Time = Infinity
