//! The least that a client written in Rust can do: one request over the socket, and the token out of its answer.
//!
//! A program of its own, which the measurement of `token` compiles with `rustc -O`.

use std::{
    error::Error,
    io::{Read, Write},
    os::unix::net::UnixStream,
};

const REQUEST: &[u8] = b"GET /token?min_validity=60 HTTP/1.1\r\n\
                         Host: localhost\r\nConnection: close\r\n\r\n";

fn main() -> Result<(), Box<dyn Error>> {
    let socket = std::env::args_os().nth(1).ok_or("no socket is named")?;
    let mut stream = UnixStream::connect(socket)?;
    stream.write_all(REQUEST)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (_, rest) = answer.split_once("\"accessToken\":\"").ok_or("there is no token in the answer")?;
    let (token, _) = rest.split_once('"').ok_or("the token has no end")?;
    writeln!(std::io::stdout(), "{token}")?;
    Ok(())
}
