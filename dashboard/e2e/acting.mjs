// What people decide about runs and applications, and what they see of it then; a part of journey.mjs.
import assert from 'node:assert/strict';

import { asked, given, heading } from './browser.mjs';

/** How what the page is about stands, or what else is said of it below its title. */
const lead = (page, text) => page.locator('.page-lead').getByText(text, { exact: true });

/** The rows of a table that something is in. */
const rowsWith = (table, role, name) =>
  table.getByRole('row').filter({ has: table.page().getByRole(role, { name, exact: true }) });

/** Chooses from the menu of what else can be done. */
async function more(page, words) {
  await page.getByRole('button', { name: 'More to do' }).click();
  await page.getByRole('menuitem', { name: words }).click();
}

export const acting = {
  async 'a question is rejected where it is asked, and the run says by whom and why'(page) {
    const inputs = { service: 'invoices', version: '2.1.0' };
    const { id } = await asked(page, '/api/workflows/execute', { workflow: 'promote', inputs });
    await page.goto(`${given.base}/runs/${id}`);
    const asks = page.locator('.notice').filter({ hasText: 'Promote invoices 2.1.0 to production?' });
    await asks.getByLabel(/^Reason/).fill('not on a Friday');
    await asks.getByRole('button', { name: 'Reject' }).click();
    await lead(page, 'failed').waitFor();
    const by = `rejected by ${given.name}`;
    const notice = page.locator('.notice').filter({ hasText: 'Step agree failed' });
    await notice.getByText(`${by}: not on a Friday`, { exact: true }).waitFor();
    await notice.getByRole('button', { name: 'All about agree' }).click();
    await page.getByRole('region', { name: 'Step agree' }).getByText(by, { exact: true }).waitFor();
    await page.goto(`${given.base}/approvals?status=rejected`);
    const row = page.getByRole('row').filter({ has: page.locator(`a[href="/runs/${id}"]`) });
    await row.getByText(`${by}: not on a Friday`, { exact: true }).waitFor();
  },

  async 'a run that failed is run again with another input, is completed, and compared with the one before'(page) {
    await page.goto(`${given.base}/runs/${given.release}`);
    await heading(page, 'release');
    await more(page, /^Run again with other inputs/);
    const dialog = page.getByRole('dialog', { name: 'Run again with other inputs' });
    await dialog.getByRole('button', { name: 'Fill in what it was given' }).click();
    const version = dialog.getByLabel('version', { exact: true });
    await page.waitForFunction((field) => field.value === '3.1.0', await version.elementHandle());
    await version.fill('3.1.1');
    const before = page.url();
    await dialog.getByRole('button', { name: 'Run again', exact: true }).click();
    await page.waitForURL((url) => url.href !== before && /^\/runs\/[0-9a-f-]{36}$/.test(url.pathname));
    // Five of its steps come one after the other.
    await lead(page, 'completed').waitFor({ timeout: 60_000 });

    await more(page, /^Compare with another run/);
    await heading(page, 'Compare runs');
    const runs = page.getByRole('table', { name: 'Runs of release, newest first' });
    await runs.getByRole('link', { name: given.release.slice(-8), exact: true }).click();
    const steps = page.getByRole('table', { name: 'Steps', exact: true });
    const migrate = rowsWith(steps, 'rowheader', 'migrate').getByRole('cell');
    await migrate.nth(0).getByText('completed', { exact: true }).waitFor();
    await migrate.nth(1).getByText('failed', { exact: true }).waitFor();
    const inputs = page.getByRole('region', { name: 'Inputs', exact: true });
    await inputs.getByRole('button', { name: 'Show inputs…' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Show it' }).click();
    const versions = rowsWith(inputs, 'rowheader', 'version').getByRole('cell');
    await versions.first().waitFor();
    assert.deepEqual(await versions.allTextContents(), ['3.1.1', '3.1.0']);
    // What was kept is the same, and shown to who wants it.
    const services = rowsWith(inputs, 'rowheader', 'service').getByRole('cell');
    assert.equal(await services.count(), 0, 'what is the same is among what differs');
    await page.getByLabel('Show what is the same too').check();
    await services.first().waitFor();
    assert.deepEqual(await services.allTextContents(), ['shop', 'shop']);
  },

  async 'an application is brought back to what it was before, and its resources with it'(page) {
    await page.goto(`${given.base}/applications/invoices`);
    await lead(page, 'generation 2').waitFor();
    const generations = page.getByRole('table', { name: 'Generations of invoices, newest first' });
    const generation = (number) => rowsWith(generations, 'button', String(number));
    await generation(2).getByText('changed archive; removed sent', { exact: true }).waitFor();
    const resources = page.getByRole('table', { name: 'Resources of invoices' });
    assert.equal(await rowsWith(resources, 'link', 'sent').count(), 0, 'what was removed is still there');
    await generation(1).getByRole('button', { name: 'Bring back…' }).click();
    const dialog = page.getByRole('dialog', { name: 'Bring generation 1 back?' });
    await dialog.getByRole('button', { name: 'Bring it back' }).click();
    await dialog.waitFor({ state: 'detached' });
    await lead(page, 'generation 3').waitFor();
    await generation(3).getByText('current', { exact: true }).waitFor();
    await generation(3).getByText('brought generation 1 back; added sent; changed archive', { exact: true }).waitFor();
    await rowsWith(resources, 'link', 'sent').getByText('active', { exact: true }).waitFor();
    await resources.getByRole('link', { name: 'archive', exact: true }).click();
    await heading(page, 'archive');
    const outputs = page.getByRole('table', { name: 'Outputs of archive, by name' });
    const size = outputs.getByRole('row').filter({ has: page.getByText('size', { exact: true }) });
    await size.getByText('80', { exact: true }).waitFor();
  },
};
