import { expect, test } from 'vitest'
import { keyLogFile, qlogFolder } from './absent-log-files.ts'

test('Where there are no files, logs in files say what there is instead', () => {
  expect(() => qlogFolder('logs')).toThrow(/^This runtime has no files: use qlogTo of isoquic\/qlog/)
  expect(() => keyLogFile('keys.log')).toThrow(/^This runtime has no files: use keyLogTo of isoquic\/qlog/)
})
