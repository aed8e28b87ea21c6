// What the page of a log must hold to, against a real Slipway; a part of journey.mjs.
import assert from 'node:assert/strict';

const asked = { headers: { 'sec-fetch-site': 'same-origin' } };

async function post(page, base, path, data) {
  const answer = await page.request.post(base + path, { ...asked, data });
  assert.ok(answer.ok(), `${path}: ${answer.status()} ${await answer.text()}`);
  return answer.json();
}

/** The lines that are on the page, by their numbers. All of them are drawn where lines are broken and few. */
const lines = (page) =>
  page
    .locator('.log-line')
    .evaluateAll((rows) =>
      rows.map(
        (row) =>
          `${row.querySelector('.log-number')?.textContent ?? ''} ${row.querySelector('.log-text')?.textContent ?? ''}`,
      ),
    );

/**
 * A step's log is followed over connections that break: the first takes what it was sent with it, the second brings it and
 * breaks then. Every line is there once, in order. `work` is what is run: it prints some lines, and takes a while.
 */
export async function followed(page, base, work) {
  let connections = 0;
  await page.routeWebSocket(/\/ws\/workflows\//, (socket) => {
    connections += 1;
    const turn = connections;
    const server = socket.connectToServer();
    server.onMessage(async (message) => {
      const brings = JSON.parse(message).type === 'lines';
      if (!(turn === 1 && brings)) socket.send(message);
      if (turn > 2 || !brings) return;
      await server.close();
      await socket.close({ code: 4000, reason: 'cut by the test' });
    });
  });
  // Nothing runs until somebody looks.
  await post(page, base, '/api/queues/default/pause', { reason: 'so that the log is empty' });
  const { id } = await post(page, base, '/api/workflows/execute', work);
  await page.goto(`${base}/runs/${id}/logs?wrap=yes`);
  await page.getByText('It has printed nothing yet').waitFor();
  await post(page, base, '/api/queues/default/resume', {});
  await page.getByText('the log is complete').waitFor();
  const answer = await page.request.get(`${base}/api/workflows/${id}/logs/lines?limit=1000`);
  const written = (await answer.json()).lines.map(({ cursor, text }) => `${cursor} ${text}`);
  assert.ok(written.length > 10, 'the step printed nothing');
  assert.deepEqual(await lines(page), written);
  assert.ok(connections >= 3, `the connection was made ${connections} times`);
}

/** What is looked for is counted by the api, and shown; lines that an address points at are selected. */
export async function searched(page, base, id, text, count) {
  await page.goto(`${base}/runs/${id}/logs`);
  await page.getByLabel('Search the whole log').fill(text);
  await page.keyboard.press('Enter');
  await page.getByText(`1 of ${count}`, { exact: true }).waitFor();
  await page.locator('.log-line[data-current]').getByText(text).first().waitFor();
  await page.goto(`${base}/runs/${id}/logs#L1`);
  await page.getByText('Line 1: the address of this page points at it').waitFor();
  await page.goto(`${base}/runs/${id}/logs#L1-L2`);
  await page.getByText(/^Lines 1 to 2/).waitFor();
  assert.equal(await page.locator('.log-line[data-selected="true"]').count(), 2);
}
