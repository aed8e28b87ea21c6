// Runs JOBS jobs that do nothing through graphile-worker, queued beforehand, and prints what it took as JSON.
import { run, runMigrations } from "graphile-worker";
import pg from "pg";

const connectionString = process.env.DATABASE_URL;
const jobs = Number(process.env.JOBS);
const concurrency = Number(process.env.CONCURRENCY);
const logger = { scope: () => logger, error: console.error, warn: console.error, info() {}, debug() {} };

await runMigrations({ connectionString });
const pool = new pg.Pool({ connectionString, max: concurrency + 2 });
await pool.query("SELECT graphile_worker.add_job('nothing', json_build_object('number', n)) FROM generate_series(1, $1::int) n", [jobs]);
let done = 0;
const began = process.hrtime.bigint();
await new Promise((resolve, reject) => {
  const nothing = async () => {
    done += 1;
    if (done === jobs) resolve();
  };
  run({ pgPool: pool, concurrency, noHandleSignals: true, logger, taskList: { nothing } }).catch(reject);
});
// The last job counts when its row is gone, as it is then that it is durably over.
while ((await pool.query("SELECT EXISTS (SELECT FROM graphile_worker.jobs) AS left")).rows[0].left) {
  await new Promise((resolve) => setTimeout(resolve, 5));
}
const seconds = Number(process.hrtime.bigint() - began) / 1e9;
console.log(JSON.stringify({ jobs, seconds, per_second: jobs / seconds }));
process.exit(0);
