/** Of all texts: bytes decide, as in SQLite. Named where the collation of the database would step in. */
export const collation = 'Latin1_General_100_BIN2_UTF8'
