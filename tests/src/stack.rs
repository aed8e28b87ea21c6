//! One whole Slipway for one test: a database, a Redis prefix, an installation's name, and the real programs.

use std::{path::PathBuf, time::Duration};

use anyhow::Context as _;
use nix::sys::signal::Signal;
use shared::{
    config::{Config, EngineKind},
    domain::access::Role,
    store::{Store, api_key, roles::Program},
};
use sqlx::PgPool;

use crate::{
    buckets::PrivateStore,
    client::Client,
    database::TestDatabase,
    engine, logins,
    postgres::PrivatePostgres,
    process::{self, Process},
    redis::PrivateRedis,
    settings::{configuration, programs, recipe, tenant_settings},
    wait,
};

/// What a stack is made of.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// What runs steps.
    pub engine: EngineKind,
    /// Workers started.
    pub workers: usize,
    /// Schedulers started.
    pub schedulers: usize,
    /// Runs that each worker drives at once.
    pub slots: u32,
    /// Seconds of a lease.
    pub lease_ttl_s: u32,
    /// A Postgres of its own, which the test may stop.
    pub private_postgres: bool,
    /// A Redis of its own, which the test may empty and stop.
    pub private_redis: bool,
    /// A server for the databases that the `postgres` provider makes.
    pub tenants: bool,
    /// When what the providers of tenants' databases made is looked at, as cron has it.
    pub drift_check: Option<&'static str>,
    /// A store for the buckets that the `bucket` provider makes.
    pub buckets: bool,
    /// The last word on the configuration.
    pub configure: fn(&mut Config),
}

impl Default for Options {
    fn default() -> Self {
        Self {
            engine: EngineKind::Docker,
            workers: 1,
            schedulers: 1,
            slots: 4,
            lease_ttl_s: 5,
            private_postgres: false,
            private_redis: false,
            tenants: false,
            drift_check: None,
            buckets: false,
            configure: |_| {},
        }
    }
}

impl Options {
    /// Without containers: steps do what their configuration scripts.
    #[must_use]
    pub fn scripted() -> Self {
        Self { engine: EngineKind::Scripted, slots: 8, ..Self::default() }
    }
}

/// Where a stack's rows are.
#[derive(Debug)]
enum Server {
    Shared(TestDatabase),
    Private(PrivatePostgres),
}

/// A running system. Everything it started or made is gone when it is dropped; until [`Stack::finish`] was called, the drop
/// prints the programs' logs, for the test has failed then.
#[derive(Debug)]
pub struct Stack {
    /// Its name on the engine.
    pub instance: String,
    /// The configuration of its programs.
    pub config: Config,
    /// Speaks to its api as an administrator.
    pub client: Client,
    /// Its rows, for a look behind the scenes.
    pub pool: PgPool,
    /// As its programs use it.
    pub store: Store,
    /// The api.
    pub api: Process,
    /// More apis, of the same installation.
    pub more_apis: Vec<Process>,
    /// The schedulers.
    pub schedulers: Vec<Process>,
    /// The workers, in the order they were started.
    pub workers: Vec<Process>,
    /// Its own Redis, when it has one.
    pub redis: Option<PrivateRedis>,
    /// The server for tenants, when it has one.
    pub tenants: Option<PrivatePostgres>,
    /// The object store for tenants, when it has one.
    pub buckets: Option<PrivateStore>,
    programs: PathBuf,
    finished: bool,
    server: Server,
    folder: tempfile::TempDir,
}

impl Stack {
    /// Starts one and waits until its api is ready and its workers are known.
    ///
    /// # Errors
    /// When something is missing or does not start; the message says what.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let programs = programs()?;
        let folder = tempfile::Builder::new().prefix("slipway-stack-").tempdir()?;
        let instance = format!("test-{}", &uuid::Uuid::now_v7().simple().to_string()[20..]);
        let server = if options.private_postgres {
            Server::Private(PrivatePostgres::start(&[]).await?)
        } else {
            Server::Shared(TestDatabase::create().await?)
        };
        let redis = if options.private_redis { Some(PrivateRedis::start().await?) } else { None };
        let tenants =
            if options.tenants { Some(PrivatePostgres::start(&[engine::bridge_address()?]).await?) } else { None };
        let buckets = if options.buckets { Some(PrivateStore::start(engine::bridge_address()?).await?) } else { None };

        let mut config = configuration(&options, &instance, folder.path())?;
        config.database.url = match &server {
            Server::Shared(database) => database.url.clone(),
            Server::Private(private) => private.url("postgres"),
        };
        if let Some(redis) = &redis {
            config.redis.url.clone_from(&redis.url);
        }
        if let Some(tenants) = &tenants {
            for provider in ["postgres", "probe"] {
                let mut settings = tenant_settings(tenants)?;
                settings.drift_check = options.drift_check.map(str::to_owned);
                config.providers.insert(provider.into(), settings);
            }
        }
        if let Some(buckets) = &buckets {
            config.providers.insert("bucket".into(), buckets.settings());
        }
        (options.configure)(&mut config);
        // Each program has no more rights than it has anywhere; only the test itself is the owner.
        logins::ensure(&config.database).await?;
        let start = |program: Program, count: usize| {
            let file = logins::write_config(folder.path(), &config, program)?;
            let recipe = |number| recipe(&programs, folder.path(), &file, logins::binary(program), number);
            (0..count).map(|number| Process::start(recipe(number))).collect::<anyhow::Result<Vec<_>>>()
        };
        let mut api = start(Program::Api, 1)?.remove(0);
        let address = format!("http://{}", config.api.listen);
        let open = Client::new(&address, "none yet")?;
        // Where the server is private, it brings the schema along, which the others rely on.
        wait::until("the api is ready", Duration::from_secs(60), async || {
            api.check()?;
            Ok(open.get("/readyz").await.ok().map(drop))
        })
        .await?;
        let store = Store::connect(&config.database, "slipway-test")?;
        let pool = PgPool::connect(&config.database.url).await?;
        let (_, key) = api_key::create(&pool, &api_key::NewKey::of_nobody("test", Role::Admin)).await?;
        let client = Client::new(&address, &key)?;
        let schedulers = start(Program::Scheduler, options.schedulers)?;
        let workers = start(Program::Worker, options.workers)?;
        let mut stack = Self {
            instance,
            config,
            client,
            pool,
            store,
            api,
            more_apis: Vec::new(),
            schedulers,
            workers,
            redis,
            tenants,
            buckets,
            programs,
            finished: false,
            server,
            folder,
        };
        stack.ready(options.workers).await?;
        Ok(stack)
    }

    /// The Postgres of its own.
    ///
    /// # Errors
    /// When it was started without one.
    pub fn private_postgres(&mut self) -> anyhow::Result<&mut PrivatePostgres> {
        match &mut self.server {
            Server::Private(private) => Ok(private),
            Server::Shared(_) => anyhow::bail!("this stack uses a Postgres that is not its own"),
        }
    }

    /// The Redis of its own.
    ///
    /// # Errors
    /// When it was started without one.
    pub fn private_redis(&mut self) -> anyhow::Result<&mut PrivateRedis> {
        self.redis.as_mut().context("this stack uses a Redis that is not its own")
    }

    /// The configuration of its workers, for one that somebody else starts.
    #[must_use]
    pub fn worker_config(&self) -> PathBuf {
        self.folder.path().join(format!("{}.yaml", logins::binary(Program::Worker)))
    }

    /// Starts one more worker; gives its place in `workers`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn add_worker(&mut self) -> anyhow::Result<usize> {
        let number = self.workers.len();
        let file = logins::write_config(self.folder.path(), &self.config, Program::Worker)?;
        self.workers.push(Process::start(recipe(&self.programs, self.folder.path(), &file, "slipway-worker", number))?);
        Ok(number)
    }

    /// Starts one more api and waits until it is ready; gives where it is.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn add_api(&mut self) -> anyhow::Result<String> {
        let number = self.more_apis.len() + 1;
        let mut config = logins::config_of(&self.config, Program::Api)?;
        config.api.listen = format!("127.0.0.1:{}", process::free_port()?);
        let file = self.folder.path().join(format!("config-{number}.yaml"));
        std::fs::write(&file, serde_json::to_string_pretty(&config)?)?;
        let address = format!("http://{}", config.api.listen);
        let recipe = recipe(&self.programs, self.folder.path(), &file, "slipway-api", number);
        let mut api = Process::start(recipe)?;
        let open = Client::new(&address, "none yet")?;
        wait::until("the other api is ready", Duration::from_secs(60), async || {
            api.check()?;
            Ok(open.get("/readyz").await.ok().map(drop))
        })
        .await?;
        self.more_apis.push(api);
        Ok(address)
    }

    /// Waits for a condition, and fails with what the system was doing when it does not come about.
    ///
    /// # Errors
    /// See above, and when the probe fails.
    pub async fn until<T>(
        &self,
        what: &str,
        limit: Duration,
        probe: impl AsyncFnMut() -> anyhow::Result<Option<T>>,
    ) -> anyhow::Result<T> {
        match wait::until(what, limit, probe).await {
            Ok(found) => Ok(found),
            Err(error) => Err(error.context(self.picture().await)),
        }
    }

    /// Waits until a run has one of these statuses; gives the run.
    ///
    /// # Errors
    /// When it does not within a minute.
    pub async fn run_becomes(&self, id: &str, wanted: &[&str]) -> anyhow::Result<serde_json::Value> {
        self.until(&format!("run {id} is {}", wanted.join(" or ")), Duration::from_secs(60), async || {
            let run = self.client.run(id).await?;
            Ok(wanted.iter().any(|status| run["status"] == *status).then_some(run))
        })
        .await
    }

    /// Waits until a resource of an application is in this state; gives the resource.
    ///
    /// # Errors
    /// When it is not within a minute.
    pub async fn resource_becomes(
        &self,
        application: &str,
        name: &str,
        state: &str,
    ) -> anyhow::Result<serde_json::Value> {
        self.until(&format!("{application}.{name} is {state}"), Duration::from_secs(60), async || {
            let resource = self.client.resource(application, name).await?;
            Ok(resource.filter(|resource| resource["state"] == state))
        })
        .await
    }

    /// Waits until a container of this step runs and has printed `line`; gives its name.
    ///
    /// # Errors
    /// When none does within a minute.
    pub async fn step_prints(&self, step: &str, line: &str) -> anyhow::Result<String> {
        self.until(&format!("a container of step {step} prints '{line}'"), Duration::from_secs(60), async || {
            for name in engine::running(&self.instance, step).await? {
                // It may have ended in between.
                if engine::docker(&["logs", &name]).await.is_ok_and(|log| log.lines().any(|printed| printed == line)) {
                    return Ok(Some(name));
                }
            }
            Ok(None)
        })
        .await
    }

    /// The one number that a query gives, to look behind the scenes.
    ///
    /// # Errors
    /// When Postgres refuses it.
    pub async fn count(&self, sql: &'static str) -> anyhow::Result<i64> {
        Ok(sqlx::query_scalar(sql).fetch_one(&self.pool).await?)
    }

    /// Stops the programs as an operator would, and fails unless each ends by itself with 0.
    ///
    /// # Errors
    /// When one does not.
    pub async fn finish(mut self) -> anyhow::Result<()> {
        let apis = self.more_apis.iter_mut().chain([&mut self.api]);
        for process in self.workers.iter_mut().chain(&mut self.schedulers).chain(apis) {
            if process.ended()?.is_some() {
                continue;
            }
            let status = process.stop(Signal::SIGTERM, Duration::from_secs(20)).await?;
            anyhow::ensure!(status.success(), "{} ended with {status} at SIGTERM", process.name());
        }
        self.finished = true;
        Ok(())
    }

    async fn ready(&mut self, workers: usize) -> anyhow::Result<()> {
        let pool = self.pool.clone();
        let (started, schedulers) = (&mut self.workers, &mut self.schedulers);
        wait::until("the stack is ready", Duration::from_secs(60), async || {
            for process in started.iter_mut().chain(schedulers.iter_mut()) {
                process.check()?;
            }
            let known: i64 =
                sqlx::query_scalar("SELECT count(*) FROM worker WHERE state = 'active'").fetch_one(&pool).await?;
            let providers: i64 =
                sqlx::query_scalar("SELECT count(*) FROM provider WHERE current").fetch_one(&pool).await?;
            Ok((providers > 0 && usize::try_from(known)? >= workers).then_some(()))
        })
        .await
    }

    /// What the rows say, for a failure's message.
    async fn picture(&self) -> String {
        let sql = "SELECT line FROM (
            SELECT 1 AS part, id::text AS place, format('run %s %s/%s %s %s losses=%s fence=%s lease_until=%s %s %s', id, provider, workflow, status,
                   coalesce(reason, ''), losses, fence, lease_until, coalesce(error_code, ''), coalesce(error_message, '')) AS line
            FROM (SELECT * FROM run ORDER BY finished_at IS NULL DESC, id DESC LIMIT 20) run
            UNION ALL SELECT 2, run_id || to_char(position, '000'), format('step %s %s %s tries=%s %s %s', run_id, name, status, tries,
                   coalesce(error_code, ''), coalesce(error_message, ''))
            FROM step WHERE run_id IN (SELECT id FROM run ORDER BY finished_at IS NULL DESC, id DESC LIMIT 5)
            UNION ALL SELECT 3, id::text, format('resource %s %s %s %s', name, type, state, coalesce(error_message, ''))
            FROM (SELECT * FROM resource ORDER BY id DESC LIMIT 20) resource
            UNION ALL SELECT 4, id::text, format('worker %s %s heartbeat=%s', id, state, heartbeat_at) FROM worker
            UNION ALL SELECT 5, to_char(id, '000000000000'), format('event %s %s %s %s %s', to_char(at, 'HH24:MI:SS.MS'), type, run_id, step, data)
            FROM (SELECT * FROM event ORDER BY xid DESC, id DESC LIMIT 60) event) lines ORDER BY part, place";
        match sqlx::query_scalar::<_, String>(sql).fetch_all(&self.pool).await {
            Ok(lines) => format!("the rows at that moment (now: {}):\n{}", chrono::Utc::now().time(), lines.join("\n")),
            Err(error) => format!("the rows cannot be read: {error}"),
        }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let processes = || self.schedulers.iter().chain(&self.workers).chain(&self.more_apis).chain([&self.api]);
        if !self.finished {
            for process in processes() {
                eprintln!(
                    "---- {} (process {}), the end of its log:\n{}\n",
                    process.name(),
                    process.pid(),
                    process.last_words()
                );
            }
        }
        let apis = self.more_apis.iter_mut().chain([&mut self.api]);
        for process in self.schedulers.iter_mut().chain(&mut self.workers).chain(apis) {
            let _ = process.kill9();
        }
        if self.config.worker.engine == EngineKind::Docker {
            engine::sweep(&self.instance);
        }
        // A Redis that is shared keeps the queue of an installation that is gone, unless it is removed.
        if self.redis.is_none() {
            let (url, prefix) = (self.config.redis.url.clone(), self.config.redis.prefix.clone());
            let _ = std::thread::spawn(move || forget_keys(&url, &prefix)).join();
        }
    }
}

fn forget_keys(url: &str, prefix: &str) -> redis::RedisResult<()> {
    let mut connection = redis::Client::open(url)?.get_connection_with_timeout(Duration::from_secs(2))?;
    let keys: Vec<String> = redis::cmd("KEYS").arg(format!("{prefix}*")).query(&mut connection)?;
    if keys.is_empty() { Ok(()) } else { redis::cmd("DEL").arg(keys).query(&mut connection) }
}
