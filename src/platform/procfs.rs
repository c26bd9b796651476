//! [`holder`]: who listens on a TCP port, as [proc(5)](https://man7.org/linux/man-pages/man5/proc_net.5.html) shows it.

use std::{
    fs,
    net::{IpAddr, SocketAddr},
    path::Path,
};

/// The state of a socket that listens.
const LISTENS: &str = "0A";

/// Who has `address`, in words such as `node (process 4711)`; `None` where the system does not tell.
pub fn holder(address: SocketAddr) -> Option<String> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(fs::read_to_string);
    let (inode, uid) = tables.iter().flatten().find_map(|table| listening(table, address))?;
    Some(match of_socket(inode) {
        Some((name, pid)) => format!("{name} (process {pid})"),
        // What others have open is closed to us.
        None => format!("a process of user id {uid}"),
    })
}

/// The inode and the owner of the socket that listens on `address`, or on its port at every address.
fn listening(table: &str, address: SocketAddr) -> Option<(&str, &str)> {
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, local, _, LISTENS, _, _, _, uid, _, inode, ..] = fields[..] else { return None };
        let (ip, port) = local.split_once(':')?;
        let ip = address_of(ip)?.to_canonical();
        let taken = ip == address.ip() || ip.is_unspecified();
        (taken && u16::from_str_radix(port, 16).ok()? == address.port()).then_some((inode, uid))
    })
}

/// An address as hexadecimal words in the byte order of the machine.
fn address_of(text: &str) -> Option<IpAddr> {
    let word = |at: usize| Some(u32::from_str_radix(text.get(at * 8..at * 8 + 8)?, 16).ok()?.to_ne_bytes());
    match text.len() {
        8 => Some(word(0)?.into()),
        32 => {
            let words = [word(0)?, word(1)?, word(2)?, word(3)?];
            Some(<[u8; 16]>::try_from(words.as_flattened()).ok()?.into())
        }
        _ => None,
    }
}

/// The name and the id of the process that has the socket `inode` open.
fn of_socket(inode: &str) -> Option<(String, u32)> {
    let wanted = format!("socket:[{inode}]");
    fs::read_dir("/proc").ok()?.flatten().find_map(|process| {
        let pid = process.file_name().to_str()?.parse().ok()?;
        let mut open = fs::read_dir(process.path().join("fd")).ok()?.flatten();
        open.any(|file| fs::read_link(file.path()).is_ok_and(|target| target == Path::new(&wanted)))
            .then(|| (name(&process.path()), pid))
    })
}

/// What a process is called, fit for a log.
fn name(process: &Path) -> String {
    let name = fs::read_to_string(process.join("comm")).unwrap_or_default();
    let name = name.trim_end().replace(char::is_control, "?");
    if name.is_empty() { "a process".into() } else { name }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn names_who_listens() {
        for at in ["127.0.0.1:0", "0.0.0.0:0"] {
            let listener = TcpListener::bind(at).unwrap();
            let port = listener.local_addr().unwrap().port();
            let said = holder(([127, 0, 0, 1], port).into()).unwrap();
            assert!(said.ends_with(&format!("(process {})", std::process::id())), "{said}");
            drop(listener);
            assert_eq!(holder(([127, 0, 0, 1], port).into()), None);
        }
    }

    #[test]
    fn reads_both_tables() {
        const TABLE: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
             0: 0100007F:1F90 00000000:0000 01 00000000:00000000 00:00000000 00000000  1000        0 1 1 0 100 0 0 10 0\n   \
             1: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 2 1 0 100 0 0 10 0\n   \
             2: 00000000000000000000000001000000:1F91 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  0        0 3 1 0 100 0 0 10 0\n   \
             3: 0000000000000000FFFF00000100007F:1F92 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  0        0 4 1 0 100 0 0 10 0\n   \
             4: 00000000000000000000000000000000:1F93 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  5        0 5 1 0 100 0 0 10 0\n";
        for (address, expected) in [
            ("127.0.0.1:8080", Some(("2", "1000"))),
            ("127.0.0.2:8080", None),
            ("127.0.0.1:8082", Some(("4", "0"))),
            ("127.0.0.1:8083", Some(("5", "5"))),
            ("[::1]:8081", Some(("3", "0"))),
            ("[::1]:8080", None),
        ] {
            if cfg!(target_endian = "little") {
                assert_eq!(listening(TABLE, address.parse().unwrap()), expected, "{address}");
            }
        }
        assert_eq!(listening("", ([127, 0, 0, 1], 1).into()), None);
    }
}
