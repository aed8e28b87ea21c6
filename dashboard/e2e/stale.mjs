// What a page says while nothing reaches it; a part of journey.mjs.
import assert from 'node:assert/strict';

import { cutOff, given, heading } from './browser.mjs';

/** First the stream of events is cut, then all else: the badge says what is known, and `Live` only while it is. */
export async function stale(page) {
  const badge = page.locator('.live-word');
  const says = (word) => badge.filter({ hasText: new RegExp(`^${word}`) }).waitFor({ timeout: 45_000 });
  await page.goto(`${given.base}/queues`);
  await heading(page, 'Queues');
  await says('Live');
  const stream = await cutOff(page, '/api/events/stream*');
  // A page of one thing follows that thing alone: a new stream is asked for.
  await page.goto(`${given.base}/runs/${given.failed}`);
  await page.getByText('no space left on device').first().waitFor();
  await says('Polling');
  const rest = await cutOff(page, '/api/**');
  await says('Stale, as of');
  assert.ok(await page.getByText('no space left on device').first().isVisible(), 'what was there is gone');
  await rest();
  await stream();
  await says('Live');
}
