import { expect, test } from 'vitest'
import { Simulation } from '../simulator/simulation.ts'
import { AlarmClock } from './alarm-clock.ts'

/** Timers of a host that has put the object away: they fire only when they are asked to. */
function stage() {
  const simulation = new Simulation({ seed: 1 })
  const alarms: number[] = []
  const forgotten: (() => void)[] = []
  const host = {
    timerGranularity: 1,
    random: simulation.environment.random,
    now: () => simulation.now,
    wallClock: () => simulation.environment.wallClock(),
    defer: (task: () => void) => task(),
    setTimer: (_at: number, fire: () => void) => {
      forgotten.push(fire)
      return () => void forgotten.splice(forgotten.indexOf(fire), 1)
    },
  }
  const clock = new AlarmClock({ setAlarm: async (at) => void alarms.push(at - host.wallClock()) }, host)
  const pass = (ms: number): void => simulation.net.clock.advance(simulation.now + ms)
  return { alarms, clock, forgotten, pass, now: () => simulation.now }
}

test('one alarm is set for all timers, half a minute from the first', () => {
  const { alarms, clock, now } = stage()
  for (let turn = 1; turn <= 100; turn++) clock.setTimer(now() + turn * 1000, () => {})
  expect(alarms).toEqual([30_000])
})

test('an alarm fires what is due, once, and calls again while there is more', () => {
  const { alarms, clock, forgotten, pass, now } = stage()
  const fired: string[] = []
  clock.setTimer(now() + 10_000, () => fired.push('first'))
  const cancel = clock.setTimer(now() + 20_000, () => fired.push('cancelled'))
  clock.setTimer(now() + 40_000, () => fired.push('last'))
  cancel()
  pass(30_000)
  clock.onAlarm()
  expect(fired).toEqual(['first'])
  expect([alarms.length, forgotten.length]).toEqual([2, 1])
  pass(30_000)
  clock.onAlarm()
  expect(fired).toEqual(['first', 'last'])
  expect(alarms.length).toBe(2)
})

test('a timer of the host fires once, and with the last of them the alarms end', () => {
  const { alarms, clock, forgotten, pass, now } = stage()
  let fired = 0
  clock.setTimer(now() + 5, () => fired++)
  forgotten[0]?.()
  pass(30_000)
  clock.onAlarm()
  expect([fired, alarms.length]).toEqual([1, 1])
})
