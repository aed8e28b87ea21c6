//! Where requests come from.
//!
//! That is whoever made the connection, unless it is one of `api.trusted_proxies`: then the last address in
//! `X-Forwarded-For` that is not one of them. What others write into that header is not read.

use std::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, request::Parts},
};
use ipnet::IpNet;

/// Who made the connection; noted by `serve`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// Where a request comes from; noted by `request::observe`. Unspecified (`0.0.0.0`) where that is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Address(pub(crate) IpAddr);

/// Addresses in `X-Forwarded-For` that are looked at, from its end.
const MAX_HOPS: usize = 32;

impl Address {
    /// That of a request with these headers, over this connection.
    pub(crate) fn of(peer: Option<Peer>, headers: &HeaderMap, proxies: &[IpNet]) -> Self {
        let Some(Peer(peer)) = peer else { return Self(IpAddr::V4(Ipv4Addr::UNSPECIFIED)) };
        let trusted = |address: &IpAddr| proxies.iter().any(|network| network.contains(address));
        let mut found = peer.ip().to_canonical();
        let values: Vec<&str> =
            headers.get_all("x-forwarded-for").iter().map(|value| value.to_str().unwrap_or_default()).collect();
        for hop in values.iter().flat_map(|value| value.split(',')).rev().take(MAX_HOPS) {
            if !trusted(&found) {
                break;
            }
            // What a proxy of ours did not write as an address tells nothing about where it came from.
            let Some(address) = hop_address(hop.trim()) else { break };
            found = address;
        }
        Self(found)
    }

    /// What counts as one place: an address, or the /64 that an IPv6 subscriber has all of.
    pub(crate) fn place(self) -> String {
        match self.0 {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                format!("{}/64", Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
        }
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1` or `[2001:db8::1]:4711`.
fn hop_address(text: &str) -> Option<IpAddr> {
    let address = text.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()));
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    address.or_else(bracketed).map(|address: IpAddr| address.to_canonical())
}

impl<S: Send + Sync> FromRequestParts<S> for Address {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().copied().unwrap_or(Self(IpAddr::V4(Ipv4Addr::UNSPECIFIED))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(peer: &str, forwarded: &[&str], proxies: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        let proxies: Vec<IpNet> = proxies.iter().map(|network| network.parse().unwrap()).collect();
        Address::of(Some(Peer(peer.parse().unwrap())), &headers, &proxies).to_string()
    }

    #[test]
    fn a_header_that_anybody_can_write_is_not_read() {
        assert_eq!(address("203.0.113.9:1", &["10.0.0.1"], &[]), "203.0.113.9");
        assert_eq!(address("203.0.113.9:1", &["10.0.0.1"], &["10.0.0.0/8"]), "203.0.113.9");
    }

    #[test]
    fn a_proxy_of_ours_says_who_it_speaks_for_and_what_was_sent_to_it_is_not_believed() {
        let proxies = ["10.0.0.0/8"];
        assert_eq!(address("10.0.0.2:1", &["198.51.100.7"], &proxies), "198.51.100.7");
        assert_eq!(address("10.0.0.2:1", &["127.0.0.1, 198.51.100.7"], &proxies), "198.51.100.7");
        assert_eq!(address("10.0.0.2:1", &["127.0.0.1", "198.51.100.7, 10.0.0.3"], &proxies), "198.51.100.7");
        assert_eq!(address("10.0.0.2:1", &["198.51.100.7, nonsense"], &proxies), "10.0.0.2");
        assert_eq!(address("10.0.0.2:1", &[], &proxies), "10.0.0.2");
        assert_eq!(address("[::ffff:10.0.0.2]:1", &["[2001:db8::1]:4711"], &proxies), "2001:db8::1");
    }

    #[test]
    fn a_subscriber_is_one_place() {
        assert_eq!(Address("2001:db8:1:2:3::4".parse().unwrap()).place(), "2001:db8:1:2::/64");
        assert_eq!(Address("192.0.2.1".parse().unwrap()).place(), "192.0.2.1");
    }
}
