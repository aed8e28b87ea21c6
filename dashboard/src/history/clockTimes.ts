const DAY_S = 86_400;

/** Times of an axis, in seconds since 1970: by the clock, and the day where another one begins. */
export function clockTimes(times: readonly number[], zone: 'local' | 'utc'): string[] {
  const two = (part: number) => String(part).padStart(2, '0');
  const [first = 0, second = 0] = times;
  return times.map((seconds) => {
    const shift = zone === 'utc' ? 0 : new Date(seconds * 1000).getTimezoneOffset() * 60_000;
    const date = new Date(seconds * 1000 - shift);
    const day = `${two(date.getUTCMonth() + 1)}-${two(date.getUTCDate())}`;
    const clock = `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}`;
    return second - first >= DAY_S || clock === '00:00' ? day : clock;
  });
}
