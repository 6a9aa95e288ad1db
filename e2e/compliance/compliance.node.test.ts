import { describe, expect, test } from 'vitest'
import { citationsOf } from './citations.ts'
import { countOf, faults, judge } from './report.ts'
import { DOCUMENTS, hasRequirements, type RequirementDocument, readRequirements } from './requirements.ts'
import { citingFiles, readExcuses } from './sources.ts'

describe.skipIf(!hasRequirements)('The requirements of the specifications', () => {
  const all = hasRequirements ? readRequirements() : []
  const citations = citationsOf(citingFiles())
  const excuses = readExcuses()

  test('are cited by ids that exist, and excused only where no test proves them', () => {
    expect(faults(all, citations, excuses)).toEqual([])
  })

  test.each(DOCUMENTS)('leave no MUST of %s without a test or a reason', (name) => {
    const document = all.find((each) => each.name === name)
    if (document === undefined) throw new Error(`There are no requirements of ${name}`)
    const { judged } = judge(document, citations, excuses)
    const open = judged.filter(({ standing, requirement }) => {
      return requirement.mandatory && standing !== 'tested' && standing !== 'excused'
    })
    expect(open.map(({ requirement }) => `${requirement.id} ${requirement.text}`)).toEqual([])
  })
})

describe('The reader of citations', () => {
  const document: RequirementDocument = {
    name: 'rfc1',
    title: 'RFC 1',
    requirements: ['a', 'b', 'c', 'd'].map((letter, index) => ({
      id: `rfc1#${index + 1}-p1-1`,
      section: String(index + 1),
      title: '',
      level: 'MUST',
      mandatory: true,
      text: letter,
    })),
  }
  const files = [
    { path: 'src/x.test.ts', text: "  //= rfc1#1-p1-1\ntest('a', () => {})\n//= rfc1#9-p1-1" },
    { path: 'src/x.ts', text: '/** The way of RFC 1 §1 and,\n * for others, §2. */\nconst text = "RFC 1 §3"' },
  ]

  test('tells tested, excused, cited and missing from one another', () => {
    const judged = judge(document, citationsOf(files), { 'rfc1#3-p1-1': 'of no use', 'rfc1#1': 'not asked' })
    expect(judged.judged.map(({ standing, because }) => [standing, ...because])).toEqual([
      ['tested', 'src/x.test.ts:1'],
      ['cited', 'src/x.ts:2'],
      ['excused', 'of no use'],
      ['missing'],
    ])
    expect(countOf(judged, true)).toEqual({ tested: 1, excused: 1, cited: 1, missing: 1 })
  })

  test('finds citations and excuses of nothing', () => {
    expect(faults([document], citationsOf(files), { 'rfc1#1-p1-1': 'x', 'rfc2#1': 'y' })).toEqual([
      'src/x.test.ts:3 cites rfc1#9-p1-1, which is no requirement',
      'rfc1#1-p1-1 is tested and excused',
      'An excuse is for rfc2#1, which is no requirement',
    ])
  })
})
