//! Where a name may lead. Compiled into the init, and into the worker's tests, so it uses `std` alone.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Answers metadata of the machine, credentials among them, to whoever can connect.
const METADATA: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)), IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254))];

/// Whether a name may lead to this address: whoever answers for a name could otherwise have it mean the metadata service, a neighbour on the
/// link, or the gate itself. Who wants such an address writes it as one.
#[must_use]
pub fn may_be_named(address: IpAddr) -> bool {
    let address = address.to_canonical();
    let local = match address {
        IpAddr::V4(v4) => v4.is_link_local() || v4.is_broadcast() || v4.octets()[0] == 0,
        IpAddr::V6(v6) => {
            // An address of the other kind may be wrapped in it: 64:ff9b::/96 and 2002::/16.
            let segments = v6.segments();
            let wrapped = match segments {
                [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some((high, low)),
                [0x2002, high, low, ..] => Some((high, low)),
                _ => None,
            };
            let wrapped = wrapped.map(|(high, low)| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)));
            v6.is_unicast_link_local() || wrapped.is_some_and(|v4| !may_be_named(IpAddr::V4(v4)))
        }
    };
    !(local
        || address.is_loopback()
        || address.is_unspecified()
        || address.is_multicast()
        || METADATA.contains(&address))
}
