//! Ports, chosen once and kept, so that bookmarks and connection strings survive a restart.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::{buckets, files};

/// Where free ports are looked for: below those that the kernel hands to outgoing connections.
const RANGE: std::ops::Range<u16> = 20_000..30_000;
/// The port of the API unless it is taken.
const API: u16 = 8080;

/// One port a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Ports {
    /// The API and dashboard.
    pub(crate) api: u16,
    /// Slipway's own Postgres.
    pub(crate) postgres: u16,
    /// The Postgres server for tenants.
    pub(crate) tenants: u16,
    /// Redis.
    pub(crate) redis: u16,
    /// The object store for tenants: this one for S3, and the next seven.
    pub(crate) buckets: u16,
}

/// Ports that nobody else gets until their servers start: two instances that start at once would choose the same.
#[derive(Debug)]
pub(crate) struct Reserved {
    /// The ports.
    pub(crate) ports: Ports,
    /// Keeps the API's.
    pub(crate) api: Vec<TcpListener>,
    /// Keeps those of the servers.
    pub(crate) servers: Vec<TcpListener>,
}

/// Reads `dev.yaml`, replaces what is missing or taken by now (and says so), and writes it back.
///
/// # Errors
/// When the API's port was asked for and is taken, when no port is free, or the file cannot be read or written.
pub(crate) fn settle(path: &Path, api: Option<u16>) -> anyhow::Result<Reserved> {
    let kept: Ports = match std::fs::read_to_string(path) {
        Ok(text) => serde_yaml::from_str(&text)
            .with_context(|| format!("{} (remove it to choose new ports)", path.display()))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ports::default(),
        Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
    };
    let (api, api_held) = match api {
        Some(port) => {
            let held = reserve(port, 1);
            let taken = || format!("port {port} is taken; give another with --port, or none to have one chosen");
            (port, held.with_context(taken)?)
        }
        None => keep("the API", kept.api, 1, Some(API))?,
    };
    let mut servers = Vec::new();
    let mut server = |what, kept, count| -> anyhow::Result<u16> {
        let (port, held) = keep(what, kept, count, None)?;
        servers.extend(held);
        Ok(port)
    };
    let ports = Ports {
        api,
        postgres: server("Postgres", kept.postgres, 1)?,
        tenants: server("the tenants' Postgres", kept.tenants, 1)?,
        redis: server("Redis", kept.redis, 1)?,
        buckets: server("the object store", kept.buckets, buckets::PORTS)?,
    };
    if ports != kept {
        let text = serde_yaml::to_string(&ports).context("writing the ports down")?;
        let note = "# Ports of `slipway dev`, chosen once. Change them while it is stopped.";
        files::write(path, &format!("{note}\n{text}"), 0o644)?;
    }
    Ok(Reserved { ports, api: api_held, servers })
}

/// The first of `count` ports in a row.
fn keep(what: &str, kept: u16, count: u16, preferred: Option<u16>) -> anyhow::Result<(u16, Vec<TcpListener>)> {
    let candidate = |port: u16| Some((port, reserve(port, count)?));
    if let Some(found) = Some(kept).filter(|&port| port != 0).and_then(candidate) {
        return Ok(found);
    }
    let start = RANGE.start + rand::random::<u16>() % (RANGE.end - RANGE.start);
    let anywhere = (start..RANGE.end).chain(RANGE.start..start);
    let (port, held) = preferred.into_iter().chain(anywhere).find_map(candidate).context("no port is free")?;
    if kept != 0 {
        tell!("port {kept} of {what} is taken by another program; using {port} from now on");
    }
    Ok((port, held))
}

fn reserve(port: u16, count: u16) -> Option<Vec<TcpListener>> {
    // The tenants' servers listen on the Docker bridge as well: every address must be free.
    let bind = |port| TcpListener::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))).ok();
    (port..port.checked_add(count)?).map(bind).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_kept_from_start_to_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dev.yaml");
        // The API's own is left out: what else runs on this machine may want 8080 meanwhile.
        let chosen = || settle(&path, None).map(|it| Ports { api: 0, ..it.ports }).unwrap();
        assert_eq!(chosen(), chosen());
    }

    #[test]
    fn a_port_that_another_program_took_is_replaced_and_the_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dev.yaml");
        let first = settle(&path, None).unwrap().ports;
        let _squatter = TcpListener::bind((Ipv4Addr::LOCALHOST, first.redis)).unwrap();
        let second = settle(&path, None).unwrap().ports;
        assert_ne!(second.redis, first.redis);
        assert_eq!(Ports { api: 0, redis: 0, ..second }, Ports { api: 0, redis: 0, ..first });
    }

    #[test]
    fn two_that_start_at_once_get_different_ports() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) =
            (settle(&folder.path().join("a"), None).unwrap(), settle(&folder.path().join("b"), None).unwrap());
        let all = |Ports { api, postgres, tenants, redis, buckets }| {
            let mut all = vec![api, postgres, tenants, redis];
            all.extend(buckets..buckets + buckets::PORTS);
            all
        };
        assert!(all(first.ports).iter().all(|port| !all(second.ports).contains(port)));
    }

    #[test]
    fn an_api_port_that_was_asked_for_and_is_taken_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let squatter = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = squatter.local_addr().unwrap().port();
        let refused = settle(&folder.path().join("dev.yaml"), Some(port)).unwrap_err().to_string();
        assert!(refused.contains(&port.to_string()), "{refused}");
    }
}
