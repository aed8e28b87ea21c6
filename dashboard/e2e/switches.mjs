// What is switched for every page at once: whether it stands still, and whose clock it tells times by; a part of journey.mjs.
import assert from 'node:assert/strict';

import { asked, given, heading } from './browser.mjs';

/** Where the people are who look at these pages: it is not UTC, all year round, and no whole hours from it. */
export const ZONE = 'Asia/Kolkata';
const AHEAD_MS = 5.5 * 3_600_000;

const clock = (ms) => new Date(ms).toISOString().slice(0, 19).replace('T', ' ');

/** What a page asks of the api because its reader comes back to it, and then the network does. */
async function askedOnReturn(page) {
  const paths = [];
  const note = (request) => paths.push(new URL(request.url()).pathname);
  page.on('request', note);
  await page.evaluate(async () => {
    document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));
    for (const name of ['focus', 'offline', 'online']) dispatchEvent(new Event(name));
    // Is answered when what they led to was long sent.
    await fetch(document.URL, { headers: { accept: 'text/html' } });
  });
  page.off('request', note);
  return paths.filter((path) => path.startsWith('/api/') && path !== '/api/events/stream');
}

export const switches = {
  async 'a page stands still while it is paused, says so, and catches up'(page) {
    const { id } = await asked(page, '/api/workflows/execute', { workflow: 'asks', inputs: {} });
    const shows = (where, text) =>
      where
        .getByRole('row')
        .filter({ has: where.locator(`a[href="/runs/${id}"]`) })
        .getByText(text, { exact: true });
    const badge = (words) => page.getByRole('status').filter({ hasText: words });
    await page.goto(`${given.base}/runs?workflow=asks`);
    await shows(page, 'suspended').waitFor();
    await badge(/^Live$/).waitFor();
    await page.getByRole('button', { name: 'Pause updating' }).click();
    await badge(/^Paused, as of /).waitFor();
    // Was asked for later and is not paused: when it has seen the end, this one would have too.
    const other = await page.context().newPage();
    await other.goto(`${given.base}/runs?workflow=asks`);
    await shows(other, 'suspended').waitFor();
    await asked(page, `/api/workflows/${id}/steps/ask/approve`, {});
    await shows(other, 'completed').waitFor();
    await other.close();
    assert.deepEqual(await askedOnReturn(page), [], 'it does not stand still for who comes back to it');
    assert.ok(await shows(page, 'suspended').isVisible(), 'the page did not stand still');
    assert.ok(await badge(/^Paused, as of /).isVisible(), 'it does not say that it is paused');
    // The key does what the button does.
    await page.keyboard.press('p');
    await shows(page, 'completed').waitFor();
    await badge(/^Live$/).waitFor();
  },

  async 'times are told by the local clock or in UTC, whichever was chosen last'(page) {
    await page.goto(`${given.base}/runs/${given.failed}`);
    const about = page.getByRole('region', { name: 'About' });
    const made = about.locator('.facts > div').filter({ hasText: /^Made/ }).locator('time');
    const at = Date.parse(await made.getAttribute('datetime'));
    const [local, utc] = [`${clock(at + AHEAD_MS)} +05:30`, `${clock(at)} UTC`];
    const told = async (time) => {
      await made.filter({ hasText: time }).waitFor();
      // The one above is from now, and exact on hover.
      await page.locator(`.page-lead time[title="${time}"]`).waitFor();
    };
    await told(local);
    await page.getByRole('button', { name: 'Times: local. Change to UTC' }).click();
    await told(utc);
    await page.reload();
    await heading(page, 'scripted');
    await told(utc);
    await page.getByRole('button', { name: 'Times: UTC. Change to local' }).click();
    await told(local);
  },
};
