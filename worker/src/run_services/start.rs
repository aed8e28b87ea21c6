//! One start of a service, until it is ready.

use std::time::Duration;

use serde_json::{Map, Value};
use shared::{
    domain::{
        run::error_code,
        service::{Readiness, Service},
    },
    store::lease::{self, ServiceStart},
};
use tokio::time::Instant;

use super::{
    IN_LOGS, Slot,
    life::{Life, Which, said},
};
use crate::{
    attempt::{RunScope, image},
    container::{LABEL_SLACK, Setback, prepare},
    contract::{Contract, Failure, Ready},
    engine::{Answer, ContainerSpec, Engine, HandOver, Ownership, Probe, Role},
    held::Halt,
    sealing,
};

/// How long one try whether a service is ready may take, where the time between two is not longer.
const LONGEST_TRY: Duration = Duration::from_secs(5);
/// From SIGTERM to SIGKILL when nobody renews it any more.
const GRACE: Duration = Duration::from_secs(5);

/// Starts a service of which nothing is up, and waits until it is ready. What was made is in `slot` at any time.
pub(super) async fn start<E: Engine>(
    scope: &RunScope<E>,
    service: &Service,
    context: &Map<String, Value>,
    slot: &mut Slot,
) -> Result<(), Setback> {
    let (worker, held) = (&scope.worker, &scope.held);
    let opened = sealing::open(scope, &format!("{IN_LOGS}{}", service.name), context).await?;
    let contract = Contract {
        config: &worker.config,
        renderer: &worker.renderer,
        provider: &scope.claimed.provider,
        data: &opened.values,
        named: &opened.secrets,
        mask: &scope.mask,
        sources: worker.seals.sources(),
    };
    let (ready, readiness) = contract.make_service_ready(service).await?;
    let chosen = image::choose(scope, &ready.image, true).await?;
    let (image_id, _) = image::obtain(scope, &chosen).await?;
    let number = number(scope, service, slot).await?;
    let mut log = scope.log.attempt(&format!("{IN_LOGS}{}", service.name), number);
    if let Some(notice) = chosen.notice() {
        log.system(&notice).await;
    }
    let start = ServiceStart {
        service: service.name.clone(),
        number,
        image: scope.mask.clean(&ready.image),
        image_id: image_id.clone(),
    };
    let (pool, lease) = (worker.store.pool(), held.lease);
    held.write("service start", || lease::service_started(pool, lease, &start)).await?;
    slot.last = Some(number);

    let spec = spec(scope, service, &ready, number, image_id);
    let container = prepare(scope, &spec, &ready.image).await?;
    slot.made = Some(container.clone());
    held.watch(&container);
    if held.lost.is_cancelled() || held.is_late() {
        return Err(Halt::Lost.into());
    }
    let env = ready.env.clone();
    let output = worker.engine.hand_over(&container, &command(scope, service, ready, number)).await?;
    let which = Which { service: service.name.clone(), number, container: container.clone() };
    slot.made = None;
    let life = slot.life.insert(Life::begin(scope, which, output, log));
    let Some(readiness) = readiness else { return Ok(()) };
    let probe = Probe {
        check: readiness.check.clone(),
        env,
        timeout: interval(&readiness).max(LONGEST_TRY).min(Duration::from_secs(readiness.timeout_s.into())),
    };
    until_ready(scope, &service.name, &container, life, &readiness, &probe).await
}

/// The number of the next start.
async fn number<E: Engine>(scope: &RunScope<E>, service: &Service, slot: &Slot) -> Result<i16, Setback> {
    let last = match slot.last {
        Some(last) => last,
        None => {
            let (pool, lease) = (scope.worker.store.pool(), scope.held.lease);
            let before = scope.held.attempt(|| lease::service_starts(pool, lease)).await?;
            let own = before.iter().filter(|start| start.service == service.name);
            own.map(|start| start.number).max().unwrap_or(0)
        }
    };
    Ok(last.saturating_add(1))
}

fn spec<E>(scope: &RunScope<E>, service: &Service, ready: &Ready, number: i16, image: String) -> ContainerSpec {
    let left = scope.deadline(true).saturating_duration_since(Instant::now());
    ContainerSpec {
        owner: Ownership {
            instance: scope.worker.config.instance.0.clone(),
            run_id: scope.held.lease.run_id,
            role: Role::Service,
            step: service.name.clone(),
            attempt: u16::try_from(number).unwrap_or(u16::MAX),
            fence: scope.held.lease.fence,
            deadline: (chrono::Utc::now() + left + LABEL_SLACK).timestamp(),
        },
        image,
        memory_mib: ready.granted.memory_mib,
        cpu_millis: ready.granted.cpu_millis,
        writable_root: false,
        network: ready.granted.network,
        egress: Default::default(),
        volume: None,
        tmpfs: service.tmpfs.clone(),
    }
}

fn command<E>(scope: &RunScope<E>, service: &Service, ready: Ready, number: i16) -> HandOver {
    let mut env = ready.env;
    for (variable, value) in [
        ("SLIPWAY_RUN_ID", scope.held.lease.run_id.to_string()),
        ("SLIPWAY_SERVICE", service.name.clone()),
        ("SLIPWAY_ATTEMPT", number.to_string()),
        ("HOME", "/tmp".to_owned()),
    ] {
        env.insert(variable.to_owned(), value);
    }
    HandOver {
        argv: ready.argv,
        env,
        cwd: "/tmp".to_owned(),
        files: ready.files,
        deadline: scope.held.remaining(),
        grace: GRACE,
        max_output: scope.worker.config.worker.max_log_bytes,
        max_disk: 0,
    }
}

/// From one try to the next.
fn interval(readiness: &Readiness) -> Duration {
    Duration::try_from_secs_f64(readiness.interval_s).unwrap_or(Duration::from_secs(1))
}

/// Asks again and again; a service that ends meanwhile is not waited for.
async fn until_ready<E: Engine>(
    scope: &RunScope<E>,
    name: &str,
    container: &str,
    life: &Life,
    readiness: &Readiness,
    probe: &Probe,
) -> Result<(), Setback> {
    let failed = |message: String| Setback::Failed(Failure { code: error_code::SERVICE_FAILED, message });
    let until = Instant::now() + Duration::from_secs(readiness.timeout_s.into());
    let mut ended = life.watch();
    let mut tried = 0_u32;
    loop {
        let began = Instant::now();
        let asked = tokio::select! {
            asked = scope.worker.engine.probe(container, probe) => asked?,
            death = ended.wait_for(Option::is_some) => {
                let death = death.ok().and_then(|death| death.clone()).unwrap_or_default();
                let message = format!("service {name} {death}, before it was ready");
                return Err(if death.is_infrastructure() { Setback::Passing(message) } else { failed(message) });
            }
        };
        tried += 1;
        let why = match asked {
            Answer::Ready => return Ok(()),
            Answer::NotYet(why) => why,
        };
        let next = (began + interval(readiness)).max(Instant::now());
        if next >= until {
            let times = if tried == 1 { "once".to_owned() } else { format!("{tried} times") };
            let mut message = format!(
                "service {name} was not ready within {} s: {} was tried {times}, the last time: {}",
                readiness.timeout_s,
                readiness.check,
                scope.mask.clean(&why)
            );
            // Writing to a string does not fail.
            let _ = said(&mut message, &life.last_lines());
            return Err(failed(message));
        }
        tokio::select! {
            () = tokio::time::sleep_until(next) => {}
            _ = ended.wait_for(Option::is_some) => {}
        }
    }
}
