//! Ports, chosen once and kept, so that bookmarks and connection strings survive a restart.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::files;

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
}

/// Ports that nobody else gets until their servers start: two instances that start at once would choose the same.
#[derive(Debug)]
pub(crate) struct Reserved {
    /// The ports.
    pub(crate) ports: Ports,
    /// Keeps the API's.
    pub(crate) api: TcpListener,
    /// Keeps those of the servers.
    pub(crate) servers: [TcpListener; 3],
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
            let held = reserve(port);
            let taken = || format!("port {port} is taken; give another with --port, or none to have one chosen");
            (port, held.with_context(taken)?)
        }
        None => keep("the API", kept.api, Some(API))?,
    };
    let (postgres, first) = keep("Postgres", kept.postgres, None)?;
    let (tenants, second) = keep("the tenants' Postgres", kept.tenants, None)?;
    let (redis, third) = keep("Redis", kept.redis, None)?;
    let ports = Ports { api, postgres, tenants, redis };
    if ports != kept {
        let text = serde_yaml::to_string(&ports).context("writing the ports down")?;
        let note = "# Ports of `slipway dev`, chosen once. Change them while it is stopped.";
        files::write(path, &format!("{note}\n{text}"), 0o644)?;
    }
    Ok(Reserved { ports, api: api_held, servers: [first, second, third] })
}

fn keep(what: &str, kept: u16, preferred: Option<u16>) -> anyhow::Result<(u16, TcpListener)> {
    let candidate = |port: u16| Some((port, reserve(port)?));
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

fn reserve(port: u16) -> Option<TcpListener> {
    // The tenants' server listens on the Docker bridge as well: every address must be free.
    TcpListener::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_kept_from_start_to_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dev.yaml");
        // The API's own is left out: what else runs on this machine may want 8080 meanwhile.
        let chosen = || settle(&path, None).map(|it| (it.ports.postgres, it.ports.tenants, it.ports.redis)).unwrap();
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
        assert_eq!((second.postgres, second.tenants), (first.postgres, first.tenants));
    }

    #[test]
    fn two_that_start_at_once_get_different_ports() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) =
            (settle(&folder.path().join("a"), None).unwrap(), settle(&folder.path().join("b"), None).unwrap());
        let all = |Ports { api, postgres, tenants, redis }| [api, postgres, tenants, redis];
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
