/** W3C `traceparent`: how a trace goes from one process to the next. */

/** Trace id, parent id, flags. Source: W3C Trace Context, section 3.2.2, version 00. */
export const traceparentPattern = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/
