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

/// Reads `dev.yaml`, replaces what is missing or taken by now (and says so), and writes it back.
///
/// # Errors
/// When the API's port was asked for and is taken, when no port is free, or the file cannot be read or written.
pub(crate) fn settle(path: &Path, api: Option<u16>) -> anyhow::Result<Ports> {
    let kept: Ports = match std::fs::read_to_string(path) {
        Ok(text) => serde_yaml::from_str(&text)
            .with_context(|| format!("{} (remove it to choose new ports)", path.display()))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ports::default(),
        Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
    };
    let mut taken = Vec::new();
    let api = match api {
        Some(port) if !is_free(port) => {
            anyhow::bail!("port {port} is taken; give another with --port, or none to have one chosen")
        }
        Some(port) => port,
        None => keep("the API", kept.api, Some(API), &mut taken)?,
    };
    taken.push(api);
    let ports = Ports {
        api,
        postgres: keep("Postgres", kept.postgres, None, &mut taken)?,
        tenants: keep("the tenants' Postgres", kept.tenants, None, &mut taken)?,
        redis: keep("Redis", kept.redis, None, &mut taken)?,
    };
    if ports != kept {
        let text = serde_yaml::to_string(&ports).context("writing the ports down")?;
        files::write(
            path,
            &format!("# Ports of `slipway dev`, chosen once. Change them while it is stopped.\n{text}"),
            0o644,
        )?;
    }
    Ok(ports)
}

fn keep(what: &str, kept: u16, preferred: Option<u16>, taken: &mut Vec<u16>) -> anyhow::Result<u16> {
    let usable = |port: u16| port != 0 && !taken.contains(&port) && is_free(port);
    let port = if usable(kept) {
        kept
    } else {
        let start = RANGE.start + rand::random::<u16>() % (RANGE.end - RANGE.start);
        let anywhere = (start..RANGE.end).chain(RANGE.start..start);
        let port = preferred.into_iter().chain(anywhere).find(|&port| usable(port)).context("no port is free")?;
        if kept != 0 {
            println!("port {kept} of {what} is taken by another program; using {port} from now on");
        }
        port
    };
    taken.push(port);
    Ok(port)
}

fn is_free(port: u16) -> bool {
    // The tenants' server listens on the Docker bridge as well: every address must be free.
    TcpListener::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_kept_from_start_to_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dev.yaml");
        let first = settle(&path, None).unwrap();
        assert_eq!(settle(&path, None).unwrap(), first);
    }

    #[test]
    fn a_port_that_another_program_took_is_replaced_and_the_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dev.yaml");
        let first = settle(&path, None).unwrap();
        let _squatter = TcpListener::bind((Ipv4Addr::LOCALHOST, first.redis)).unwrap();
        let second = settle(&path, None).unwrap();
        assert_ne!(second.redis, first.redis);
        assert_eq!((second.postgres, second.tenants), (first.postgres, first.tenants));
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
