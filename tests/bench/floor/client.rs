//! The least that a client written in Rust can do: one request over the socket, and what was answered to it.
//!
//! A program of its own, which `floor.rs` compiles with `rustc -O`.

use std::{
    error::Error,
    io::{Read, Write},
    os::unix::net::UnixStream,
};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (socket, target) = arguments.next().zip(arguments.next()).ok_or("a socket and a target are wanted")?;
    let mut stream = UnixStream::connect(socket)?;
    write!(stream, "GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("the answer has no end")?;
    if !head.starts_with("HTTP/1.1 200 ") {
        return Err("refused".into());
    }
    writeln!(std::io::stdout(), "{body}")?;
    Ok(())
}
