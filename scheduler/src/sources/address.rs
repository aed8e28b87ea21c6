//! Which repositories may be fetched from, and under which settings of git's.

use std::{
    net::{IpAddr, SocketAddr},
    path::Path,
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use shared::{
    config::Git,
    formats::source::{self, Source},
    outgoing::is_public,
};
use url::{Host, Url};

/// How long the name of a host may take to be looked up.
const LOOKUP: Duration = Duration::from_secs(10);

/// A repository that may be fetched from, and what git is told about it.
#[derive(Debug)]
pub(super) struct Address {
    pub(super) url: Url,
    /// Settings of git's. They are given by its environment, for some are secret.
    pub(super) settings: Vec<(String, String)>,
    /// What git starts in place of `ssh`.
    pub(super) ssh: Option<String>,
}

impl Address {
    /// Whether git speaks to another machine by itself, so that nothing of this machine is needed but the network.
    pub(super) fn is_http(&self) -> bool {
        matches!(self.url.scheme(), "https" | "http")
    }
}

/// Compares a source with what this instance allows. The addresses that its host has now are the ones that git will use,
/// so that a name which changes its mind leads nowhere else.
///
/// # Errors
/// Why it is not allowed, and what would allow it.
pub(super) async fn admit(git: &Git, source: &Source) -> Result<Address, String> {
    let url = source::check_url(&source.url)?;
    if let Some(folder) = source::folder_of(&url) {
        local(git, &folder)?;
        return Ok(Address { url, settings: Vec::new(), ssh: None });
    }
    let host = url.host_str().unwrap_or_default().to_owned();
    let port = url.port_or_known_default().unwrap_or(22);
    let named = |list: &[String]| list.iter().any(|entry| *entry == host || *entry == format!("{host}:{port}"));
    if url.scheme() == "http" && !named(&git.plain_http_hosts) {
        return Err(format!("http is not allowed for {host}:{port}; use https, or add it to git.plain_http_hosts"));
    }
    if url.scheme() == "ssh" && git.ssh.is_none() {
        return Err("ssh is not configured; set git.ssh.key and git.ssh.known_hosts, or use https".into());
    }
    let addresses = addresses(&url, &host, port).await?;
    if let Some(private) = addresses.iter().find(|address| !is_public(**address))
        && !named(&git.private_hosts)
    {
        return Err(format!(
            "{host} has the private address {private}; add '{host}' to git.private_hosts to allow that"
        ));
    }
    let mut settings = Vec::new();
    if matches!(url.host(), Some(Host::Domain(_))) && url.scheme() != "ssh" {
        let list: Vec<String> = addresses
            .iter()
            .map(|address| if address.is_ipv6() { format!("[{address}]") } else { address.to_string() })
            .collect();
        settings.push(("http.curloptResolve".into(), format!("{host}:{port}:{}", list.join(","))));
    }
    if let Some(name) = &source.secret {
        settings.push(("http.extraHeader".into(), authorization(git, name, &url, &host)?));
    }
    let ssh = match &git.ssh {
        Some(ssh) if url.scheme() == "ssh" => Some(ssh_command(&ssh.key, &ssh.known_hosts, &host, addresses[0])?),
        _ => None,
    };
    Ok(Address { url, settings, ssh })
}

fn local(git: &Git, folder: &Path) -> Result<(), String> {
    // Without links, so that a link in an allowed folder leads out of it for nobody.
    let real = folder.canonicalize().map_err(|error| format!("{}: {error}", folder.display()))?;
    let allowed = git.folders.iter().filter_map(|folder| folder.canonicalize().ok());
    if allowed.into_iter().any(|folder| real.starts_with(folder)) {
        return Ok(());
    }
    Err(format!("{} is not below a folder of git.folders, so file:// is not allowed for it", folder.display()))
}

async fn addresses(url: &Url, host: &str, port: u16) -> Result<Vec<IpAddr>, String> {
    let found: Vec<IpAddr> = match url.host() {
        Some(Host::Ipv4(address)) => vec![address.into()],
        Some(Host::Ipv6(address)) => vec![address.into()],
        _ => {
            // The host of an ssh URL may be an address in disguise; the system's resolver understands the same forms.
            let looked_up = tokio::time::timeout(LOOKUP, tokio::net::lookup_host((host, port))).await;
            let looked_up = looked_up.map_err(|_| format!("the name {host} was not resolved in time"))?;
            looked_up.map_err(|error| format!("{host}: {error}"))?.map(|address: SocketAddr| address.ip()).collect()
        }
    };
    if found.is_empty() { Err(format!("{host} has no address")) } else { Ok(found) }
}

fn authorization(git: &Git, name: &str, url: &Url, host: &str) -> Result<String, String> {
    let credential = git
        .credentials
        .get(name)
        .ok_or_else(|| format!("the configuration has no credential '{name}'; add it to git.credentials"))?;
    if credential.host != host {
        return Err(format!("the credential '{name}' is for {}, not for {host}", credential.host));
    }
    if url.scheme() != "https" {
        return Err(format!("the credential '{name}' is sent over https only"));
    }
    let password = credential.password.read().map_err(|message| format!("the credential '{name}': {message}"))?;
    let pair = BASE64_STANDARD.encode(format!("{}:{password}", credential.username));
    Ok(format!("Authorization: Basic {pair}"))
}

fn ssh_command(key: &Path, known_hosts: &Path, host: &str, address: IpAddr) -> Result<String, String> {
    let quoted = |path: &Path| {
        let text = path.display().to_string();
        let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
        if plain {
            Ok(text)
        } else {
            Err(format!("{text}: the paths in git.ssh are of letters, digits, '/', '.', '_' and '-'"))
        }
    };
    Ok(format!(
        "ssh -F /dev/null -i {} -o IdentitiesOnly=yes -o IdentityAgent=none -o BatchMode=yes -o StrictHostKeyChecking=yes \
         -o UserKnownHostsFile={} -o GlobalKnownHostsFile=/dev/null -o HostName={address} -o HostKeyAlias={host} \
         -o CheckHostIP=no -o ConnectTimeout=15 -o ForwardAgent=no -o ClearAllForwardings=yes -o PermitLocalCommand=no",
        quoted(key)?,
        quoted(known_hosts)?,
    ))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use shared::config::{GitCredential, GitSsh, SecretSource};

    use super::*;

    fn of(url: &str) -> Source {
        Source { url: url.into(), reference: "main".into(), ..Source::default() }
    }

    #[tokio::test]
    async fn private_addresses_in_every_disguise_plain_http_ssh_and_folders_need_to_be_allowed() {
        let git = Git::default();
        for url in [
            "https://127.0.0.1/x",
            "https://0x7f000001/x",
            "https://2130706433/x",
            "https://[::1]/x",
            "https://[::ffff:7f00:1]/x",
            "https://localhost/x",
            "http://1.1.1.1/x",
            "ssh://git@1.1.1.1/x",
            "file:///etc",
        ] {
            assert!(admit(&git, &of(url)).await.is_err(), "{url}");
        }
        let git = Git {
            private_hosts: vec!["localhost".into(), "127.0.0.1:8443".into()],
            plain_http_hosts: vec!["localhost:3000".into()],
            ..git
        };
        assert!(admit(&git, &of("https://127.0.0.1:8443/x")).await.is_ok());
        assert!(admit(&git, &of("https://127.0.0.1/x")).await.is_err());
        let address = admit(&git, &of("http://localhost:3000/x")).await.unwrap();
        let pinned = &address.settings[0];
        assert_eq!(pinned.0, "http.curloptResolve");
        assert!(pinned.1.starts_with("localhost:3000:"), "{}", pinned.1);
    }

    #[tokio::test]
    async fn a_credential_goes_to_its_own_host_over_https_only() {
        let password = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(password.path(), "s3cret\n").unwrap();
        let credential = GitCredential {
            host: "1.1.1.1".into(),
            username: "git".into(),
            password: SecretSource::File(password.path().to_owned()),
        };
        let git = Git {
            credentials: BTreeMap::from([("forge".into(), credential)]),
            plain_http_hosts: vec!["1.1.1.1".into()],
            ..Git::default()
        };
        let with = |url: &str, name: &str| Source { secret: Some(name.into()), ..of(url) };
        let address = admit(&git, &with("https://1.1.1.1/x", "forge")).await.unwrap();
        assert_eq!(address.settings[0].1, format!("Authorization: Basic {}", BASE64_STANDARD.encode("git:s3cret")));
        for (url, name) in
            [("https://1.0.0.1/x", "forge"), ("http://1.1.1.1/x", "forge"), ("https://1.1.1.1/x", "other")]
        {
            assert!(admit(&git, &with(url, name)).await.is_err(), "{url} {name}");
        }
    }

    #[tokio::test]
    async fn a_link_in_an_allowed_folder_does_not_lead_out_of_it() {
        let (allowed, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::os::unix::fs::symlink(other.path(), allowed.path().join("link")).unwrap();
        std::fs::create_dir(allowed.path().join("repo")).unwrap();
        let git = Git { folders: vec![allowed.path().to_owned()], ..Git::default() };
        let url = |name: &str| format!("file://{}", allowed.path().join(name).display());
        assert!(admit(&git, &of(&url("repo"))).await.is_ok());
        assert!(admit(&git, &of(&url("link"))).await.is_err());
        assert!(admit(&git, &of(&url("../"))).await.is_err());
    }

    #[tokio::test]
    async fn ssh_trusts_only_the_keys_that_are_configured() {
        let ssh = GitSsh { key: "/etc/slipway/key".into(), known_hosts: "/etc/slipway/known_hosts".into() };
        let git = Git { ssh: Some(ssh), ..Git::default() };
        let command = admit(&git, &of("ssh://git@1.1.1.1/x")).await.unwrap().ssh.unwrap();
        for part in ["BatchMode=yes", "StrictHostKeyChecking=yes", "-F /dev/null", "HostKeyAlias=1.1.1.1"] {
            assert!(command.contains(part), "{command}");
        }
    }
}
