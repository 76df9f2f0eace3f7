//! [`is_allowed`]: which addresses may be reached.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use crate::transport::{Reach, TransportError};

/// Refuses a host that is written as an address that may not be reached.
pub(crate) fn check_literal(url: &Url, reach: Reach) -> Result<(), TransportError> {
    let address: IpAddr = match url.host() {
        Some(Host::Ipv4(address)) => address.into(),
        Some(Host::Ipv6(address)) => address.into(),
        // What is resolved is judged where it is resolved; this name needs no resolver.
        Some(Host::Domain("localhost")) => Ipv4Addr::LOCALHOST.into(),
        _ => return Ok(()),
    };
    if is_allowed(address, reach) {
        return Ok(());
    }
    let host = url.host_str().unwrap_or_default().to_owned();
    Err(TransportError::NotPublic { host, address: address.to_string() })
}

/// Whether a request that reaches so far may go to this address.
///
/// Addresses of the link, where clouds answer with a machine's credentials (169.254.169.254), multicast and unspecified ones are
/// no registry's: a name that resolves to them is refused even if it was configured.
pub(crate) fn is_allowed(address: IpAddr, reach: Reach) -> bool {
    let address = address.to_canonical();
    let is_embedded = |inner: Option<Ipv4Addr>| inner.is_none_or(|inner| is_allowed(inner.into(), reach));
    match address {
        IpAddr::V4(address) => !is_never(address) && (reach == Reach::Private || is_public_v4(address)),
        IpAddr::V6(address) => {
            let is_local =
                address.is_unicast_link_local() || address.is_unspecified() || address.is_multicast();
            !is_local
                && address != AWS_METADATA
                // What a network translates by a prefix of its own is not known here.
                && !matches!(address.segments(), [0x64, 0xff9b, 1, ..])
                && is_embedded(embedded_v4(address))
                && (reach == Reach::Private || is_public_v6(address))
        }
    }
}

/// Where AWS answers with a machine's credentials over IPv6.
const AWS_METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
/// Where Alibaba Cloud does, within the space of carriers.
const ALIBABA_METADATA: Ipv4Addr = Ipv4Addr::new(100, 100, 100, 200);
/// Where Azure's machines ask their host.
const AZURE_WIRE_SERVER: Ipv4Addr = Ipv4Addr::new(168, 63, 129, 16);

fn is_never(address: Ipv4Addr) -> bool {
    address.is_link_local()
        || address.is_unspecified()
        || address.is_multicast()
        || address.is_broadcast()
        || address == ALIBABA_METADATA
        || address == AZURE_WIRE_SERVER
}

/// By the IANA registry of special-purpose addresses
/// ([RFC 6890](https://www.rfc-editor.org/rfc/rfc6890)).
fn is_public_v4(address: Ipv4Addr) -> bool {
    let special = match address.octets() {
        [0 | 240..=255, ..] => true,
        [100, 64..=127, ..] => true,               // carriers' own
        [192, 0, 0, _] | [192, 88, 99, _] => true, // protocols, and 6to4 relays
        [198, 18 | 19, ..] => true,                // benchmarks
        _ => address.is_documentation(),
    };
    !special && !address.is_private() && !address.is_loopback()
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    // Global unicast is 2000::/3, without documentation and protocols of their own; and IPv4 in IPv6.
    let is_global = address.segments()[0] & 0xe000 == 0x2000;
    let is_special = matches!(
        address.segments(),
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0x0fff, ..] | [0x2001, 0x10..=0x3f, ..]
    );
    is_global && !is_special || embedded_v4(address).is_some()
}

/// The address of IPv4 to which one of NAT64, 6to4 or Teredo leads.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let join = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(join(high, low)),
        [0, 0, 0, 0, 0, 0, high, low] if high > 0 => Some(join(high, low)),
        [0x2002, high, low, ..] => Some(join(high, low)),
        [0x2001, 0, .., high, low] => Some(join(!high, !low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_reached_unless_a_host_is_named() {
        for (address, public, private) in [
            ("140.82.121.33", true, true),
            ("2606:50c0:8000::154", true, true),
            ("::ffff:140.82.121.33", true, true),
            ("64:ff9b::140.82.121.33", true, true),
            ("127.0.0.1", false, true),
            ("::1", false, true),
            ("::ffff:127.0.0.1", false, true),
            ("64:ff9b::127.0.0.1", false, true),
            ("10.0.0.1", false, true),
            ("172.31.255.255", false, true),
            ("192.168.0.1", false, true),
            ("100.64.0.1", false, true),
            ("fd00::1", false, true),
            ("192.0.2.1", false, true),
            ("2001:db8::1", false, true),
            ("0.0.0.0", false, false),
            ("::", false, false),
            ("169.254.169.254", false, false),
            ("::ffff:169.254.169.254", false, false),
            ("64:ff9b::a9fe:a9fe", false, false),
            ("64:ff9b:1::808:808", false, false),
            ("2002:a9fe:a9fe::1", false, false),
            ("2001:0:0:0:0:0:5601:5601", false, false), // Teredo of 169.254.169.254
            ("fd00:ec2::254", false, false),
            ("fe80::1", false, false),
            ("100.100.100.200", false, false),
            ("168.63.129.16", false, false),
            ("224.0.0.1", false, false),
            ("255.255.255.255", false, false),
            ("ff02::1", false, false),
        ] {
            let parsed = address.parse().unwrap();
            let found = (is_allowed(parsed, Reach::Public), is_allowed(parsed, Reach::Private));
            assert_eq!(found, (public, private), "{address}");
        }
    }
}
