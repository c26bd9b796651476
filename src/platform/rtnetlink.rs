//! Changes of the network on Linux: what the kernel tells over `rtnetlink(7)` of links, addresses and routes.

use std::{
    collections::HashSet,
    io,
    os::fd::{AsRawFd, OwnedFd},
};

use nix::{
    errno::Errno,
    libc,
    sys::socket::{
        AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, socket,
    },
};
use tokio::io::unix::AsyncFd;

use super::readable::readable;

/// What is listened to: links, addresses and routes of both families.
const GROUPS: i32 = libc::RTMGRP_LINK
    | libc::RTMGRP_IPV4_IFADDR
    | libc::RTMGRP_IPV6_IFADDR
    | libc::RTMGRP_IPV4_ROUTE
    | libc::RTMGRP_IPV6_ROUTE;

/// The most that the kernel puts into one datagram.
const DATAGRAM: usize = 32 * 1024;

/// Tells of each new way to the network: a link that runs, an address that reaches beyond it, a default route.
#[derive(Debug)]
pub struct Network {
    socket: AsyncFd<OwnedFd>,
    ways: Ways,
}

impl Network {
    /// Listens from now on, on the current runtime.
    ///
    /// # Errors
    /// Where there is no such socket to be had: a sandbox may refuse it.
    pub fn new() -> io::Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let fd = socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkRoute)?;
        bind(fd.as_raw_fd(), &NetlinkAddr::new(0, GROUPS.unsigned_abs()))?;
        Ok(Self { socket: readable(fd)?, ways: Ways::default() })
    }

    /// Waits for a new way. May be dropped and called again at any time.
    ///
    /// # Errors
    /// Where the socket fails: there is nothing more to be heard.
    pub async fn changed(&mut self) -> io::Result<()> {
        loop {
            let mut ready = self.socket.readable().await?;
            match ready.try_io(|socket| receive(socket.get_ref(), &mut self.ways)) {
                Ok(Ok(true)) => return Ok(()),
                Ok(Err(error)) => return Err(error),
                Ok(Ok(false)) | Err(_) => {}
            }
        }
    }
}

/// Takes one datagram: whether it tells of a new way.
fn receive(socket: &OwnedFd, ways: &mut Ways) -> io::Result<bool> {
    let mut datagram = vec![0; DATAGRAM];
    match recv(socket.as_raw_fd(), &mut datagram, MsgFlags::empty()) {
        Ok(length) => Ok(ways.hear(&datagram[..length])),
        // Something was lost, and may have been news.
        Err(Errno::ENOBUFS) => {
            *ways = Ways::default();
            Ok(true)
        }
        Err(Errno::EINTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// The ways that are known: what is told once more, as at each renewal of an address, is no news.
#[derive(Debug, Default)]
struct Ways(HashSet<Way>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Way {
    /// Of the interface.
    index: u32,
    what: What,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum What {
    Link,
    Address(Vec<u8>),
    /// By its family, table, gateway and priority.
    DefaultRoute(Vec<u8>),
}

impl Ways {
    /// Whether a datagram tells of a way that was not known.
    fn hear(&mut self, datagram: &[u8]) -> bool {
        // Every message counts, though one that is news would be enough.
        messages(datagram).filter_map(|(kind, body)| read(kind, body)).fold(false, |news, (way, is_up)| {
            if is_up {
                return self.0.insert(way) || news;
            }
            // The kernel does not say which routes went along.
            self.0.retain(|known| match (&way.what, &known.what) {
                _ if known.index != way.index => true,
                (What::Link, _) | (_, What::DefaultRoute(_)) => false,
                _ => *known != way,
            });
            news
        })
    }
}

/// The messages of a datagram: type and body (`struct nlmsghdr` of `linux/netlink.h`).
fn messages(datagram: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    const HEAD: usize = 16;
    let mut rest = datagram;
    std::iter::from_fn(move || {
        let length = usize::try_from(u32_at(rest, 0)?).ok()?;
        let message = (u16_at(rest, 4)?, rest.get(HEAD..length)?);
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(message)
    })
}

/// The way that a message tells of, and whether it is there; `None` where it is none that leads out of the machine.
fn read(kind: u16, body: &[u8]) -> Option<(Way, bool)> {
    match kind {
        libc::RTM_NEWLINK | libc::RTM_DELLINK => link(body, kind == libc::RTM_NEWLINK),
        libc::RTM_NEWADDR | libc::RTM_DELADDR => address(body, kind == libc::RTM_NEWADDR),
        libc::RTM_NEWROUTE | libc::RTM_DELROUTE => route(body, kind == libc::RTM_NEWROUTE),
        _ => None,
    }
}

/// `struct ifinfomsg` of `linux/rtnetlink.h`. A port of a bridge, as containers have them, is no way by itself.
fn link(body: &[u8], is_there: bool) -> Option<(Way, bool)> {
    const HEAD: usize = 16;
    let (family, index, flags) = (*body.first()?, u32_at(body, 4)?, u32_at(body, 8)?);
    let is = |wanted: i32| flags & wanted.unsigned_abs() == wanted.unsigned_abs();
    let of_bridge =
        i32::from(family) == libc::AF_BRIDGE || attribute(body, HEAD, libc::IFLA_MASTER).is_some();
    if of_bridge || is(libc::IFF_LOOPBACK) {
        return None;
    }
    Some((Way { index, what: What::Link }, is_there && is(libc::IFF_UP | libc::IFF_RUNNING)))
}

/// `struct ifaddrmsg` of `linux/if_addr.h`. One that may be somebody else's as well is not in use yet.
fn address(body: &[u8], is_there: bool) -> Option<(Way, bool)> {
    const HEAD: usize = 8;
    let (flags, scope, index) = (u32::from(*body.get(2)?), *body.get(3)?, u32_at(body, 4)?);
    let is_in_use = flags & (libc::IFA_F_TENTATIVE | libc::IFA_F_DADFAILED) == 0;
    if scope >= libc::RT_SCOPE_LINK || is_there && !is_in_use {
        return None;
    }
    // On a link between two, the one that is called the address is the other end's.
    let local =
        attribute(body, HEAD, libc::IFA_LOCAL).or_else(|| attribute(body, HEAD, libc::IFA_ADDRESS))?;
    Some((Way { index, what: What::Address(local.to_vec()) }, is_there))
}

/// `struct rtmsg` of `linux/rtnetlink.h`.
fn route(body: &[u8], is_there: bool) -> Option<(Way, bool)> {
    const HEAD: usize = 12;
    let (family, prefix, table, kind) = (*body.first()?, *body.get(1)?, *body.get(4)?, *body.get(7)?);
    if prefix != 0 || kind != libc::RTN_UNICAST {
        return None;
    }
    let index = attribute(body, HEAD, libc::RTA_OIF).and_then(|value| u32_at(value, 0)).unwrap_or(0);
    let mut route = vec![family, table];
    for kind in [libc::RTA_GATEWAY, libc::RTA_PRIORITY] {
        route.extend(attribute(body, HEAD, kind).unwrap_or_default());
    }
    Some((Way { index, what: What::DefaultRoute(route) }, is_there))
}

/// The value of an attribute (`struct rtattr`) after a head of so many bytes.
fn attribute(body: &[u8], head: usize, wanted: u16) -> Option<&[u8]> {
    const HEAD: usize = 4;
    let mut rest = body.get(head..)?;
    loop {
        let (length, kind) = (usize::from(u16_at(rest, 0)?), u16_at(rest, 2)?);
        let value = rest.get(HEAD..length)?;
        if kind == wanted {
            return Some(value);
        }
        rest = rest.get(length.next_multiple_of(4)..)?;
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use std::{io::Write, process::Command, thread, time::Duration};

    use nix::sched::{CloneFlags, unshare};
    use tokio::time::timeout;

    use super::*;

    const RUNS: u32 = (libc::IFF_UP | libc::IFF_RUNNING).unsigned_abs();

    fn message(kind: u16, head: &[u8], attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = head.to_vec();
        for (kind, value) in attributes {
            body.extend(u16::try_from(4 + value.len()).unwrap().to_ne_bytes());
            body.extend(kind.to_ne_bytes());
            body.extend(*value);
            body.resize(body.len().next_multiple_of(4), 0);
        }
        let mut message = u32::try_from(16 + body.len()).unwrap().to_ne_bytes().to_vec();
        message.extend(kind.to_ne_bytes());
        message.extend([0; 10]);
        message.extend(body);
        message
    }

    fn link(kind: u16, index: u32, flags: u32) -> Vec<u8> {
        let head = [[0; 4], index.to_ne_bytes(), flags.to_ne_bytes(), [0xff; 4]].concat();
        // The name is of no length that would need no padding.
        message(kind, &head, &[(3, b"wlan0\0"), (libc::IFLA_WIRELESS, b"noise")])
    }

    fn address(kind: u16, index: u32, flags: u32, scope: u8, address: [u8; 4]) -> Vec<u8> {
        let head = [[2, 24, u8::try_from(flags).unwrap(), scope], index.to_ne_bytes()].concat();
        message(kind, &head, &[(libc::IFA_ADDRESS, &address), (libc::IFA_LOCAL, &address)])
    }

    fn route(kind: u16, index: u32, prefix: u8, of: u8) -> Vec<u8> {
        let head = [2, prefix, 0, 0, 254, 4, 0, of, 0, 0, 0, 0];
        let index = index.to_ne_bytes();
        message(kind, &head, &[(libc::RTA_GATEWAY, &[10, 0, 0, 1]), (libc::RTA_OIF, &index)])
    }

    #[test]
    fn a_way_is_news_once_until_it_goes() {
        const UNICAST: u8 = libc::RTN_UNICAST;
        let mut ways = Ways::default();
        let mine = [10, 0, 0, 2];
        for (what, datagram, expected) in [
            ("a link without a carrier", link(libc::RTM_NEWLINK, 2, 1), false),
            ("a link", link(libc::RTM_NEWLINK, 2, RUNS), true),
            ("the noise of a wireless one", link(libc::RTM_NEWLINK, 2, RUNS), false),
            ("loopback", link(libc::RTM_NEWLINK, 1, RUNS | libc::IFF_LOOPBACK.unsigned_abs()), false),
            ("an address", address(libc::RTM_NEWADDR, 2, 0, 0, mine), true),
            ("the same, renewed", address(libc::RTM_NEWADDR, 2, 0, 0, mine), false),
            ("on another link", address(libc::RTM_NEWADDR, 3, 0, 0, mine), true),
            ("not in use yet", address(libc::RTM_NEWADDR, 2, libc::IFA_F_TENTATIVE, 0, [10, 0, 0, 3]), false),
            ("in use", address(libc::RTM_NEWADDR, 2, 0, 0, [10, 0, 0, 3]), true),
            (
                "of the link alone",
                address(libc::RTM_NEWADDR, 2, 0, libc::RT_SCOPE_LINK, [169, 254, 0, 1]),
                false,
            ),
            ("a default route", route(libc::RTM_NEWROUTE, 2, 0, UNICAST), true),
            ("the same, renewed", route(libc::RTM_NEWROUTE, 2, 0, UNICAST), false),
            ("a route to somewhere", route(libc::RTM_NEWROUTE, 2, 24, UNICAST), false),
            ("one that leads nowhere", route(libc::RTM_NEWROUTE, 4, 0, 7), false),
            ("a route goes", route(libc::RTM_DELROUTE, 2, 0, UNICAST), false),
            ("and comes back", route(libc::RTM_NEWROUTE, 2, 0, UNICAST), true),
            ("an address goes", address(libc::RTM_DELADDR, 2, 0, 0, mine), false),
            ("its route comes back", route(libc::RTM_NEWROUTE, 2, 0, UNICAST), true),
            ("the other address is still there", address(libc::RTM_NEWADDR, 2, 0, 0, [10, 0, 0, 3]), false),
            ("the address comes back", address(libc::RTM_NEWADDR, 2, 0, 0, mine), true),
            ("the carrier goes", link(libc::RTM_NEWLINK, 2, 1), false),
            ("another link is still there", address(libc::RTM_NEWADDR, 3, 0, 0, mine), false),
            ("the carrier comes back", link(libc::RTM_NEWLINK, 2, RUNS), true),
            ("and the route", route(libc::RTM_NEWROUTE, 2, 0, UNICAST), true),
            // One by several links is of none.
            ("a default route by several", route(libc::RTM_NEWROUTE, 0, 0, UNICAST), true),
            ("it goes", route(libc::RTM_DELROUTE, 0, 0, UNICAST), false),
            ("and comes back", route(libc::RTM_NEWROUTE, 0, 0, UNICAST), true),
            ("the link goes", link(libc::RTM_DELLINK, 2, RUNS), false),
            ("and comes back", link(libc::RTM_NEWLINK, 2, RUNS), true),
        ] {
            assert_eq!(ways.hear(&datagram), expected, "{what}");
        }
    }

    #[test]
    fn a_port_of_a_bridge_is_no_way() {
        let head = [[0; 4], 7_u32.to_ne_bytes(), RUNS.to_ne_bytes(), [0; 4]].concat();
        let master = 3_u32.to_ne_bytes();
        let port = message(libc::RTM_NEWLINK, &head, &[(libc::IFLA_MASTER, &master)]);
        assert!(!Ways::default().hear(&port));
        assert!(Ways::default().hear(&message(libc::RTM_NEWLINK, &head, &[])));
    }

    #[test]
    fn each_message_of_a_datagram_counts_and_nothing_that_is_cut_off() {
        let both = [link(libc::RTM_NEWLINK, 2, RUNS), link(libc::RTM_NEWLINK, 3, RUNS)].concat();
        let mut ways = Ways::default();
        assert!(ways.hear(&both));
        assert!(!ways.hear(&link(libc::RTM_NEWLINK, 3, RUNS)));
        for end in 0..both.len() {
            Ways::default().hear(&both[..end]);
            for byte in [0, 1, 0xff] {
                let mut broken = both.clone();
                broken[end] = byte;
                Ways::default().hear(&broken);
            }
        }
    }

    fn ip(line: &str) {
        let output = Command::new("ip").args(line.split_whitespace()).output().unwrap();
        assert!(output.status.success(), "ip {line}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// In a network of its own, which is its thread's alone.
    #[test]
    fn the_kernel_tells_of_each_way() {
        thread::spawn(|| {
            if unshare(CloneFlags::CLONE_NEWNET).is_err() || Command::new("ip").arg("link").output().is_err()
            {
                // Past the harness, which keeps the words of a test that passes.
                io::stderr()
                    .write_all(b"!!! NOT TRIED: a real network, which needs root and `ip`\n")
                    .unwrap();
                return;
            }
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(tells_of_each_way());
        })
        .join()
        .unwrap();
    }

    async fn tells_of_each_way() {
        /// Within which all that a line does is told.
        const TOLD: Duration = Duration::from_millis(200);
        let mut network = Network::new().unwrap();
        ip("link set lo up");
        ip("link add near type veth peer name far");
        ip("link set far up");
        ip("addr add 169.254.1.1/16 scope link dev near");
        assert!(timeout(TOLD, network.changed()).await.is_err(), "none of it leads anywhere");
        for (line, expected) in [
            ("link set near up", true),
            ("addr add 10.9.8.7/24 dev near", true),
            ("addr add fd00::7/64 nodad dev near", true),
            ("route add default via 10.9.8.1", true),
            ("addr change 10.9.8.7/24 dev near valid_lft 600 preferred_lft 600", false),
            ("addr del 10.9.8.7/24 dev near", false),
            ("addr add 10.9.8.7/24 dev near", true),
            ("link set far down", false),
            ("link set far up", true),
        ] {
            ip(line);
            if expected {
                timeout(Duration::from_secs(20), network.changed()).await.expect(line).unwrap();
            }
            while let Ok(told) = timeout(TOLD, network.changed()).await {
                told.unwrap();
                assert!(expected, "{line}");
            }
        }
    }
}
