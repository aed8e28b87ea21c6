// What is done to very many runs at once; a part of journey.mjs.
import assert from 'node:assert/strict';

import { given } from './browser.mjs';

/** What leaves the queue full. */
export const atLast = {
  async 'all runs that match are retried at once, with progress and an entry in the audit log'(page) {
    await page.goto(`${given.base}/runs?${given.many.filter}`);
    await page.getByRole('button', { name: 'All that match' }).click();
    await page.getByRole('menuitem', { name: /^Retry all/ }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText(/Which runs these are is fixed now/).waitFor();
    const words = (await dialog.locator('strong').textContent()).replace(/\D/g, '');
    assert.ok(Number(words) >= given.many.runs, `${words} of ${given.many.runs} runs`);
    await dialog.getByRole('button', { name: /^Retry .* runs?$/ }).click();
    await page.waitForURL(/\/bulk\//);
    await page.getByRole('progressbar').waitFor();
    await page.locator('main').getByText('finished', { exact: true }).first().waitFor({ timeout: 300_000 });
    assert.equal(await page.getByRole('progressbar').getAttribute('aria-valuenow'), words);
    await page.getByRole('link', { name: 'Its audit' }).click();
    await page.getByRole('link', { name: 'run.bulk' }).first().waitFor();
  },
};
