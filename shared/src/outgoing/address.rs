//! Which URLs and addresses may be spoken to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use url::Url;

/// Which URLs and addresses may be spoken to.
#[derive(Clone, Debug)]
pub struct Policy {
    any: bool,
    allow: Vec<IpNet>,
    plain_http: bool,
    /// The key of the configuration that allows networks, for messages.
    pub setting: &'static str,
}

impl Policy {
    /// Public addresses, and those of the networks in `allow`, which `setting` of the configuration lists. `http://` only when
    /// `plain_http` says so.
    #[must_use]
    pub fn public_and(allow: &[IpNet], plain_http: bool, setting: &'static str) -> Self {
        Self { any: false, allow: allow.to_vec(), plain_http, setting }
    }

    /// Any address: for URLs that are in the configuration itself.
    #[must_use]
    pub fn any() -> Self {
        Self { any: true, allow: Vec::new(), plain_http: true, setting: "" }
    }

    /// Whether this address may be connected to.
    #[must_use]
    pub fn allows(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.any || is_public(address) || self.allow.iter().any(|network| network.contains(&address))
    }

    /// Looks at what can be seen without looking up a name.
    ///
    /// # Errors
    /// Why the URL may not be spoken to.
    pub fn check_url(&self, url: &Url) -> Result<(), String> {
        match url.scheme() {
            "https" => {}
            "http" if self.plain_http => {}
            "http" => return Err("the URL must begin with https://".into()),
            other => return Err(format!("the URL begins with {other}://, not with https://")),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("the URL holds a user name or a password; requests are signed instead".into());
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err("the URL names no host".into());
        }
        Ok(())
    }
}

/// Whether an address is of the public internet: not of this machine, of its networks, of a cloud's machines for themselves, or
/// of a translation to any of them.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(a == 0
        || a >= 224
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        // Carriers' own networks, where some clouds have their metadata.
        || (a == 100 && (64..128).contains(&b))
        || (a == 198 && (18..20).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        // A public address by its number, and a cloud's service for its own machines by its use.
        || address == Ipv4Addr::new(168, 63, 129, 16))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(mapped) = address.to_ipv4_mapped() {
        return is_public_v4(mapped);
    }
    let [first, second, ..] = address.segments();
    // Global unicast, but for 6to4, documentation, and what is set apart for protocols (Teredo, benchmarks, ORCHID).
    // Translations to IPv4 (64:ff9b::/96) and everything local are outside of it.
    (0x2000..0x4000).contains(&first)
        && first != 0x2002
        && !(first == 0x2001 && (second == 0x0db8 || second < 0x0200))
        && !(first == 0x3fff && second < 0x1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_this_machine_and_its_networks_are_not_public() {
        for private in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.100.100.200",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "192.0.0.192",
            "192.88.99.1",
            "168.63.129.16",
            "203.0.113.7",
            "::1",
            "::",
            "::7f00:1",
            "fe80::1",
            "fd00:ec2::254",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "64:ff9b:1::a00:1",
            "2002:a00:1::",
            "2001::1",
            "2001:db8::1",
            "3fff::1",
            "ff02::1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
        for public in ["1.1.1.1", "140.82.121.3", "2606:4700::1111", "2001:4860:4860::8888", "::ffff:1.1.1.1"] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }

    #[test]
    fn a_network_that_is_allowed_lets_its_own_addresses_through_in_every_notation() {
        let policy = Policy::public_and(&["10.1.0.0/16".parse().unwrap()], false, "webhooks.allow");
        for (address, allowed) in
            [("10.1.2.3", true), ("::ffff:10.1.2.3", true), ("10.2.0.1", false), ("1.1.1.1", true)]
        {
            assert_eq!(policy.allows(address.parse().unwrap()), allowed, "{address}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_url_is_said() {
        let policy = Policy::public_and(&[], false, "webhooks.allow");
        let check = |url: &str| policy.check_url(&url.parse().unwrap());
        assert_eq!(check("https://hooks.example.org/x?y=1"), Ok(()));
        for (url, message) in [
            ("http://example.org/", "the URL must begin with https://"),
            ("ftp://example.org/", "the URL begins with ftp://, not with https://"),
            ("https://user@example.org/", "the URL holds a user name or a password; requests are signed instead"),
            ("https://example.org:x@10.0.0.1/", "the URL holds a user name or a password; requests are signed instead"),
        ] {
            assert_eq!(check(url), Err(message.into()), "{url}");
        }
    }
}
